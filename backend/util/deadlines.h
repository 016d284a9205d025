/*
 * Many deadlines, such as the ends of leases, with one timer for the first of them. The timer runs on
 * CLOCK_BOOTTIME, which goes on while the machine is suspended.
 */
#ifndef BACKEND_UTIL_DEADLINES_H
#define BACKEND_UTIL_DEADLINES_H

#include <stdint.h>
#include <uv.h>

#include "backend/util/heap.h"

struct deadlines {
	struct heap heap; /* `due` is in nanoseconds of CLOCK_BOOTTIME */
	int timer_fd;     /* -1: closed */
	int64_t armed_ns; /* the time that the timer is set to; 0: it is not set */
	uv_poll_t poll;
	void (*on_due)(struct deadlines *deadlines);
};

/*
 * `on_due` is called when the first deadline is due, and removes all that are. Returns 0 or a negative
 * errno; after an error there is nothing to close.
 */
int deadlines_init(struct deadlines *deadlines, uv_loop_t *loop, void (*on_due)(struct deadlines *deadlines));

/* Sets the timer to the first deadline. Must be called after every change of the heap. */
void deadlines_arm(struct deadlines *deadlines);

/* Closes the timer. `closed` is called from the loop; the memory may be freed then. */
void deadlines_close(struct deadlines *deadlines, uv_close_cb closed);

#endif
