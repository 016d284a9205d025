/*
 * Locks that this mount acquired: what they are is known without asking the server
 * once more, as long as it would tell of another mount's touch (subscription.h). For a
 * moment that is taken for granted, which spares two of the five round trips of a lock
 * that is taken and given back at once. Later only a client past lockfs, which tells
 * nobody, can have deleted it.
 */
#ifndef BACKEND_REDIS_LOCK_CACHE_H
#define BACKEND_REDIS_LOCK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "lockfs/lock.h"

struct cached_lock;

struct lock_cache {
	struct cached_lock *by_key;
	uint64_t changes; /* how often something was dropped: what was asked before one is not fresh */
};

/* Keeps a lock as it was acquired by a request sent at `sent_ns` (CLOCK_BOOTTIME), if that is worth it. */
void lock_cache_add(struct lock_cache *fresh, const struct lock *lock, int64_t sent_ns);

/* Describes a lock as it is now; its texts live until the next call here. */
bool lock_cache_find(const struct lock_cache *fresh, const char *key, struct lock *ret);

/* As it was when it was acquired, if its lease goes on and nobody told of a change; likewise. */
bool lock_cache_get(const struct lock_cache *fresh, const char *key, struct lock *ret);

/* Something may have changed: at one key, or anywhere. */
void lock_cache_drop(struct lock_cache *fresh, const char *key);
void lock_cache_drop_all(struct lock_cache *fresh);

#endif
