/* Queues of waiters, one for each key that is waited for. */
#include "backend/memory/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/memory/room.h"

/* Makes a queue, which waits for nothing yet. Returns NULL if there is no memory. */
static struct mem_queue *queue_new(struct mem_queues *queues, const char *key)
{
	struct mem_queue *queue = calloc(1, sizeof(*queue) + strlen(key) + 1);

	if (!queue)
		return NULL;
	stpcpy(queue->key, key);
	DL_APPEND(queues->all, queue);
	return queue;
}

void queue_free_if_unused(struct mem_queues *queues, struct mem_queue *queue)
{
	if (queue->waiters || queue->is_served)
		return;
	DL_DELETE(queues->all, queue);
	if (queue->lock)
		queue->lock->queue = NULL;
	room_leave(queue);
	free(queue);
}

static bool converts(const struct mem_waiter *waiter)
{
	return waiter && waiter->acquisition->replaces;
}

/* Adds a waiter to a queue, which is freed if that fails and it is empty. Returns 0 or -ENOMEM. */
static int add_waiter(struct mem_queues *queues, struct mem_queue *queue, struct acquisition *acquisition)
{
	struct mem_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter) {
		queue_free_if_unused(queues, queue);
		return -ENOMEM;
	}
	waiter->acquisition = acquisition;
	waiter->queue = queue;
	waiter->arrival = ++queues->arrivals;
	acquisition->pending = waiter;
	if (acquisition->replaces)
		DL_PREPEND(queue->waiters, waiter);
	else
		DL_APPEND(queue->waiters, waiter);
	queue->count++;
	room_add_waiter(queue);
	return 0;
}

int queue_join(struct mem_queues *queues, struct mem_lock *lock, struct acquisition *acquisition)
{
	struct mem_queue *queue = lock->queue;

	if (acquisition->replaces && queue && converts(queue->waiters))
		return -EDEADLK;
	if (!queue) {
		queue = queue_new(queues, lock->entry.path);
		if (!queue)
			return -ENOMEM;
		queue_attach(queue, lock);
	}
	return add_waiter(queues, queue, acquisition);
}

int queue_join_room(struct mem_queues *queues, struct mem_dir *dir, struct acquisition *acquisition)
{
	struct mem_queue *queue = room_find(dir, acquisition->key);

	if (!queue) {
		queue = queue_new(queues, acquisition->key);
		if (!queue)
			return -ENOMEM;
		if (!room_enter(dir, queue)) {
			queue_free_if_unused(queues, queue);
			return -ENOMEM;
		}
	}
	return add_waiter(queues, queue, acquisition);
}

void queue_leave(struct mem_queues *queues, struct mem_waiter *waiter)
{
	struct mem_queue *queue = waiter->queue;
	bool was_first = queue->waiters == waiter;

	DL_DELETE(queue->waiters, waiter);
	queue->count--;
	room_drop_waiter(queue);
	waiter->acquisition->pending = NULL;
	free(waiter);
	if (!queue->waiters)
		room_leave(queue);
	else if (was_first)
		room_sort(queue);
	queue_free_if_unused(queues, queue);
}

void queue_attach(struct mem_queue *queue, struct mem_lock *lock)
{
	room_leave(queue);
	queue->lock = lock;
	lock->queue = queue;
}

void queue_detach(struct mem_queue *queue)
{
	struct mem_dir *dir = queue->lock->entry.parent;

	queue->lock->queue = NULL;
	queue->lock = NULL;
	if (queue->waiters)
		room_keep_place(dir, queue);
}
