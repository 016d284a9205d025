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
	uint64_t arrival;      /* grows from waiter to waiter of all keys */
	struct mem_waiter *prev, *next;
};

struct mem_queue {
	struct mem_lock *lock; /* the lock that is waited for; NULL: the key is free */
	struct mem_dir *dir;   /* of a free key: the directory that has the queue in `room` or `kept`; else NULL */
	bool keeps_place;      /* a lock of this key has ended, and its place in the directory is for the first waiter */
	struct mem_waiter *waiters;
	uint64_t count;
	bool is_served;        /* its waiters are being granted the lock: it stays, also when it is empty */
	struct mem_queue *prev, *next; /* in the list of all queues */
	UT_hash_handle hh;     /* in the `room` of a directory */
	struct mem_queue *kept_prev, *kept_next; /* in the `kept` of a directory */
	char key[];
};

struct mem_queues {
	struct mem_queue *all;
	uint64_t arrivals; /* waiters so far */
};

/*
 * Adds a waiter of a lock, a conversion at the front and any other at the end, and sets acquisition->pending to it. Returns 0;
 * -EDEADLK if another conversion waits already; or -ENOMEM.
 */
int queue_join(struct mem_queues *queues, struct mem_lock *lock, struct acquisition *acquisition);

/* Adds a waiter of a key that is free but for which `dir` has no room. Returns 0 or -ENOMEM. */
int queue_join_room(struct mem_queues *queues, struct mem_dir *dir, struct acquisition *acquisition);

/* Removes and frees a waiter, and the queue if it is empty then. */
void queue_leave(struct mem_queues *queues, struct mem_waiter *waiter);

/* Sets the lock that the queue waits for. */
void queue_attach(struct mem_queue *queue, struct mem_lock *lock);

/* The lock of the queue ends: the queue keeps its place in the directory. */
void queue_detach(struct mem_queue *queue);

/* Frees a queue that has no waiters and is not being served. */
void queue_free_if_unused(struct mem_queues *queues, struct mem_queue *queue);

#endif
