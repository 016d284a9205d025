/*
 * Who waits for the locks of the memory backend: one queue for each key that is
 * waited for, in the order of arrival. It lives from the first waiter to the
 * last, over all holdings in between.
 */
#ifndef BACKEND_MEMORY_QUEUE_H
#define BACKEND_MEMORY_QUEUE_H

#include "backend/memory/tree.h"

struct mem_waiter {
	struct acquisition *acquisition;
	struct mem_queue *queue;
	struct mem_waiter *prev, *next;
};

struct mem_queue {
	struct mem_lock *lock; /* that is waited for */
	struct mem_waiter *waiters;
	uint64_t count;
	struct mem_queue *prev, *next; /* all that there are */
};

/* Adds a waiter at the end, and sets acquisition->pending to it. Returns 0 or -ENOMEM. */
int queue_join(struct mem_queue **all, struct mem_lock *lock, struct acquisition *acquisition);

/* Takes a waiter out and frees it; a queue without any goes with it. */
void queue_leave(struct mem_queue **all, struct mem_waiter *waiter);

/* From now on the queue waits for this lock; NULL: for none, until the next call. */
void queue_attach(struct mem_queue *queue, struct mem_lock *lock);

#endif
