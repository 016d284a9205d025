/*
 * The leases of the memory backend: a heap of ends, and one timer on
 * CLOCK_BOOTTIME for the first of them.
 */
#ifndef BACKEND_MEMORY_LEASES_H
#define BACKEND_MEMORY_LEASES_H

#include <stdint.h>
#include <uv.h>

#include "backend/heap.h"

struct leases {
	struct heap heap; /* due: CLOCK_BOOTTIME in nanoseconds */
	int timer_fd;     /* -1: none */
	int64_t armed_ns; /* what the timer is set to; 0: not set */
	uv_poll_t poll;
	void (*on_due)(struct leases *leases);
};

/*
 * `on_due` is called when the first lease has ended; it takes out what is due.
 * Returns 0 or a negative errno; after an error there is nothing to close.
 */
int leases_init(struct leases *leases, uv_loop_t *loop, void (*on_due)(struct leases *leases));

/* Begins to watch the timer. Returns 0 or a negative errno. */
int leases_start(struct leases *leases);

/* Sets the timer to the first end. To be called after every change of the heap. */
void leases_arm(struct leases *leases);

/* Closes the timer; `closed` is called from the loop, when the memory may go. */
void leases_close(struct leases *leases, uv_close_cb closed);

#endif
