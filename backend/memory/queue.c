/* Queues of waiters, one for each key that is waited for. */
#include "backend/memory/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct mem_queue *queue_of(struct mem_queue **all, struct mem_lock *lock)
{
	struct mem_queue *queue = lock->queue;

	if (queue)
		return queue;
	queue = calloc(1, sizeof(*queue) + strlen(lock->entry.path) + 1);
	if (!queue)
		return NULL;
	stpcpy(queue->key, lock->entry.path);
	queue_attach(queue, lock);
	DL_APPEND(*all, queue);
	return queue;
}

void queue_free_if_unused(struct mem_queue **all, struct mem_queue *queue)
{
	if (queue->waiters || queue->is_served)
		return;
	DL_DELETE(*all, queue);
	queue_attach(queue, NULL);
	free(queue);
}

static bool converts(const struct mem_waiter *waiter)
{
	return waiter && waiter->acquisition->replaces;
}

int queue_join(struct mem_queue **all, struct mem_lock *lock, struct acquisition *acquisition)
{
	struct mem_queue *queue = queue_of(all, lock);
	struct mem_waiter *waiter;

	if (!queue)
		return -ENOMEM;
	if (acquisition->replaces && converts(queue->waiters))
		return -EDEADLK;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		queue_free_if_unused(all, queue);
		return -ENOMEM;
	}
	waiter->acquisition = acquisition;
	waiter->queue = queue;
	acquisition->pending = waiter;
	if (acquisition->replaces)
		DL_PREPEND(queue->waiters, waiter);
	else
		DL_APPEND(queue->waiters, waiter);
	queue->count++;
	return 0;
}

void queue_leave(struct mem_queue **all, struct mem_waiter *waiter)
{
	struct mem_queue *queue = waiter->queue;

	DL_DELETE(queue->waiters, waiter);
	queue->count--;
	waiter->acquisition->pending = NULL;
	free(waiter);
	queue_free_if_unused(all, queue);
}

void queue_attach(struct mem_queue *queue, struct mem_lock *lock)
{
	if (queue->lock)
		queue->lock->queue = NULL;
	queue->lock = lock;
	if (lock)
		lock->queue = queue;
}
