/*
 * Queues of waiters, one for each key that is waited for, in the order of arrival. A queue lives from its
 * first waiter to its last; the lock of its key changes meanwhile. A conversion that waits is the first of its queue.
 */
#ifndef BACKEND_MEMORY_QUEUE_H
#define BACKEND_MEMORY_QUEUE_H

#include <stdbool.h>

#include "backend/memory/tree.h"

struct mem_waiter {
	struct acquisition *acquisition;
	struct mem_queue *queue;
	struct mem_waiter *prev, *next;
};

struct mem_queue {
	struct mem_lock *lock; /* the lock that is waited for; NULL while the key passes to the next holder */
	struct mem_waiter *waiters;
	uint64_t count;
	bool is_served;        /* its waiters are being granted the lock: it stays, also when it is empty */
	struct mem_queue *prev, *next; /* in the list of all queues */
	char key[];
};

/*
 * Adds a waiter, a conversion at the front and any other at the end, and sets acquisition->pending to it. Returns 0;
 * -EDEADLK if another conversion waits already; or -ENOMEM.
 */
int queue_join(struct mem_queue **all, struct mem_lock *lock, struct acquisition *acquisition);

/* Removes and frees a waiter, and the queue if it is empty then. */
void queue_leave(struct mem_queue **all, struct mem_waiter *waiter);

/* Sets the lock that the queue waits for; NULL: none. */
void queue_attach(struct mem_queue *queue, struct mem_lock *lock);

/* Frees a queue that has no waiters and is not being served. */
void queue_free_if_unused(struct mem_queue **all, struct mem_queue *queue);

#endif
