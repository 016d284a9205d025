/* The locks that this mount acquired, as a table in the order of acquisition. */
#include "backend/redis/lock_cache.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "backend/util/text_copy.h"

/* 3 ms: answers this old need no check. Short, as other Redis clients delete locks without notice. */
#define FRESH_NS (3 * NS_PER_MS)

#define CACHED_MAX 4096 /* locks; the oldest is dropped first */

/* 1 s: a lock with a shorter lease is not cached, so that no cached lock can end within FRESH_NS. */
#define LEASE_FLOOR_MS 1000

struct cached_lock {
	struct lock lock; /* its texts are in `text` */
	int64_t cached_ns; /* CLOCK_BOOTTIME when the lock was cached */
	int64_t fresh_until_ns; /* CLOCK_BOOTTIME; until then the lock is used without a check; 0: never */
	UT_hash_handle hh; /* in the order in which they were cached */
	char text[];
};

static struct cached_lock *copy(const struct lock *lock)
{
	struct cached_lock *cached = malloc(sizeof(*cached) + text_size(lock->key) + holder_text_size(&lock->holder));

	if (!cached)
		return NULL;

	char *cursor = cached->text;
	cached->lock = *lock;
	cached->lock.key = copy_text(&cursor, lock->key);
	cached->lock.holder = copy_holder(&cursor, &lock->holder);
	return cached;
}

static struct cached_lock *find(const struct lock_cache *cache, const char *key)
{
	struct cached_lock *cached;

	HASH_FIND_STR(cache->by_key, key, cached);
	return cached;
}

static void discard(struct lock_cache *cache, struct cached_lock *cached)
{
	HASH_DELETE(hh, cache->by_key, cached);
	free(cached);
}

/* Returns what is left of the lease now, in ms, or LEASE_NEVER. */
static int64_t left_ms(const struct cached_lock *cached)
{
	if (cached->lock.remaining_ms == LEASE_NEVER)
		return LEASE_NEVER;
	return cached->lock.remaining_ms - (boot_ns() - cached->cached_ns) / NS_PER_MS - 1;
}

/* A uthash table iterates in the order of addition, so the oldest lock is the first. */
static void make_room(struct lock_cache *cache)
{
	while (HASH_COUNT(cache->by_key) >= CACHED_MAX)
		discard(cache, cache->by_key);
}

void lock_cache_add(struct lock_cache *cache, const struct lock *lock, int64_t sent_ns)
{
	bool lasts = lock->ttl_ms == LEASE_NEVER || lock->ttl_ms >= LEASE_FLOOR_MS;
	int64_t now_ns = boot_ns();
	struct cached_lock *cached;

	cached = find(cache, lock->key);
	if (cached)
		discard(cache, cached);
	make_room(cache);
	if (lock->mode == LOCK_SHARED || !lasts || lock->content_size || lock->linked)
		return;
	cached = copy(lock);
	if (!cached)
		return;
	cached->cached_ns = now_ns;
	/* A reply that took longer than this is already too old to be used without a check. */
	cached->fresh_until_ns = now_ns - sent_ns > FRESH_NS ? 0 : now_ns + FRESH_NS;
	HASH_ADD_KEYPTR(hh, cache->by_key, cached->lock.key, strlen(cached->lock.key), cached);
	if (!cached->hh.tbl)
		free(cached);
}

/* Fills in `ret` as the lock is now. Returns false if its lease has ended. */
static bool describe(const struct cached_lock *cached, struct lock *ret)
{
	int64_t left = left_ms(cached);

	if (left != LEASE_NEVER && left <= 0)
		return false;
	*ret = cached->lock;
	ret->remaining_ms = left;
	return true;
}

bool lock_cache_find(const struct lock_cache *cache, const char *key, struct lock *ret)
{
	const struct cached_lock *cached = find(cache, key);

	/* Waiters come and go, so a lock that had any is read from the server, which counts them. */
	return cached && boot_ns() <= cached->fresh_until_ns && cached->lock.waiters == 0 && describe(cached, ret);
}

bool lock_cache_get(const struct lock_cache *cache, const char *key, struct lock *ret)
{
	const struct cached_lock *cached = find(cache, key);

	return cached && describe(cached, ret);
}

void lock_cache_drop(struct lock_cache *cache, const char *key)
{
	struct cached_lock *cached = find(cache, key);

	cache->generation++;
	if (cached)
		discard(cache, cached);
}

void lock_cache_drop_all(struct lock_cache *cache)
{
	cache->generation++;
	while (cache->by_key)
		discard(cache, cache->by_key);
}
