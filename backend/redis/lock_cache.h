/*
 * A cache of the locks that this mount acquired. For 3 ms after acquiring, lookups are answered from
 * it, which saves two of the five round trips of a lock that is taken and released at once.
 * The cache is right as long as the subscription is up: the server notifies this mount of every
 * change by another mount. Only another Redis client can delete a lock without notice.
 */
#ifndef BACKEND_REDIS_LOCK_CACHE_H
#define BACKEND_REDIS_LOCK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "lockfs/lock.h"

struct cached_lock;

/* All zero: an empty cache. */
struct lock_cache {
	struct cached_lock *by_key;
	uint64_t generation; /* grows with every drop: a reply to a call of an earlier generation must not be added */
};

/*
 * Adds a lock as it was acquired by a call sent at `sent_ns` (CLOCK_BOOTTIME). Shared locks, locks with
 * content, and locks with a lease below 1 s are not added, but take the place of a cached one.
 */
void lock_cache_add(struct lock_cache *cache, const struct lock *lock, int64_t sent_ns);

/*
 * Finds a lock that was acquired within the last 3 ms and describes it as it is now. The texts in
 * `ret` live until the next call of this module.
 */
bool lock_cache_find(const struct lock_cache *cache, const char *key, struct lock *ret);

/*
 * Finds a lock whose lease goes on, however long ago it was acquired. The texts in `ret` live until
 * the next call of this module. Another Redis client may have deleted the lock.
 */
bool lock_cache_get(const struct lock_cache *cache, const char *key, struct lock *ret);

/* Drops the lock of one key, which may have changed. */
void lock_cache_drop(struct lock_cache *cache, const char *key);

/* Drops all locks: notifications may have been missed. */
void lock_cache_drop_all(struct lock_cache *cache);

#endif
