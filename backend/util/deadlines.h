/*
 * Many deadlines, such as the ends of leases: a heap, and one timer on
 * CLOCK_BOOTTIME for the first of them.
 */
#ifndef BACKEND_UTIL_DEADLINES_H
#define BACKEND_UTIL_DEADLINES_H

#include <stdint.h>
#include <uv.h>

#include "backend/util/heap.h"

struct deadlines {
	struct heap heap; /* due: CLOCK_BOOTTIME in nanoseconds */
	int timer_fd;     /* -1: none */
	int64_t armed_ns; /* what the timer is set to; 0: not set */
	uv_poll_t poll;
	void (*on_due)(struct deadlines *deadlines);
};

/*
 * `on_due` is called when the first one is due; it takes out what is.
 * Returns 0 or a negative errno; after an error there is nothing to close.
 */
int deadlines_init(struct deadlines *deadlines, uv_loop_t *loop, void (*on_due)(struct deadlines *deadlines));

/* Sets the timer to the first deadline. To be called after every change of the heap. */
void deadlines_arm(struct deadlines *deadlines);

/* Closes the timer; `closed` is called from the loop, when the memory may go. */
void deadlines_close(struct deadlines *deadlines, uv_close_cb closed);

#endif
