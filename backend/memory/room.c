/* Room in a directory with a limit: who waits for it, and who is next. */
#include "backend/memory/room.h"

#include <string.h>
#include <utlist.h>

bool room_admits(const struct mem_dir *dir, const struct mem_queue *queue)
{
	if (dir->info.limit == 0 || (queue && queue->keeps_place))
		return true;
	return dir->lock_count + dir->kept_count < dir->info.limit && dir->room == queue;
}

struct mem_queue *room_find(const struct mem_dir *dir, const char *key)
{
	struct mem_queue *queue;

	DL_FOREACH2(dir->kept, queue, kept_next)
		if (strcmp(queue->key, key) == 0)
			return queue;
	HASH_FIND_STR(dir->room, key, queue);
	return queue;
}

bool room_enter(struct mem_dir *dir, struct mem_queue *queue)
{
	HASH_ADD_STR(dir->room, key, queue);
	if (!queue->hh.tbl)
		return false;
	queue->dir = dir;
	return true;
}

void room_keep_place(struct mem_dir *dir, struct mem_queue *queue)
{
	DL_APPEND2(dir->kept, queue, kept_prev, kept_next);
	dir->kept_count++;
	queue->keeps_place = true;
	queue->dir = dir;
}

void room_leave(struct mem_queue *queue)
{
	struct mem_dir *dir = queue->dir;

	if (!dir)
		return;
	if (queue->keeps_place) {
		DL_DELETE2(dir->kept, queue, kept_prev, kept_next);
		dir->kept_count--;
	} else {
		HASH_DELETE(hh, dir->room, queue);
		dir->room_waiters -= queue->count;
	}
	queue->keeps_place = false;
	queue->dir = NULL;
}

static int compare_arrivals(const struct mem_queue *a, const struct mem_queue *b)
{
	return a->waiters->arrival < b->waiters->arrival ? -1 : 1;
}

void room_sort(struct mem_queue *queue)
{
	if (queue->dir && !queue->keeps_place)
		HASH_SRT(hh, queue->dir->room, compare_arrivals);
}

void room_add_waiter(struct mem_queue *queue)
{
	if (queue->dir && !queue->keeps_place)
		queue->dir->room_waiters++;
}

void room_drop_waiter(struct mem_queue *queue)
{
	if (queue->dir && !queue->keeps_place)
		queue->dir->room_waiters--;
}

void room_dissolve(struct mem_dir *dir)
{
	while (dir->kept)
		room_leave(dir->kept);
	while (dir->room)
		room_leave(dir->room);
}
