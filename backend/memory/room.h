/*
 * Room in a directory: the queues of keys that are free. Such a queue waits for room if the directory has as many
 * locks as its limit; or it keeps the place of the lock that ended, until its first waiter has been granted the key.
 * A directory without a limit has room for any number.
 */
#ifndef BACKEND_MEMORY_ROOM_H
#define BACKEND_MEMORY_ROOM_H

#include <stdbool.h>

#include "backend/memory/queue.h"

/*
 * May a free key of this directory become a lock? `queue` is the one of its waiters, or NULL for an acquisition that comes
 * now. Room is given in the order of arrival.
 */
bool room_admits(const struct mem_dir *dir, const struct mem_queue *queue);

/* Returns the queue of a free key of this directory, or NULL. */
struct mem_queue *room_find(const struct mem_dir *dir, const char *key);

/* Adds a queue that waits for room, behind all others. Returns false if there is no memory. */
bool room_enter(struct mem_dir *dir, struct mem_queue *queue);

/* Adds a queue that keeps the place of its lock. */
void room_keep_place(struct mem_dir *dir, struct mem_queue *queue);

/* Takes a queue out of the room it is in, if any. */
void room_leave(struct mem_queue *queue);

/* The first waiter of a queue is another: moves the queue to where that waiter belongs. */
void room_sort(struct mem_queue *queue);

/* Counts a waiter that has joined the queue, or left it. */
void room_add_waiter(struct mem_queue *queue);
void room_drop_waiter(struct mem_queue *queue);

/* The directory is removed: takes all queues out of it. */
void room_dissolve(struct mem_dir *dir);

#endif
