#include "backend/redis/lock_cache.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "backend/util/text_copy.h"

/* A moment. Clients past lockfs tell nobody when they delete a lock, so it is short. */
#define FRESH_NS (3 * NS_PER_MS)

/* So many are remembered, those that were acquired last. */
#define KEPT_MAX 4096

/* A lock of a shorter lease is not kept: none that is kept can end within that moment. */
#define LEASE_FLOOR_MS 1000

struct cached_lock {
	struct lock lock; /* its texts are behind it */
	int64_t kept_ns; /* CLOCK_BOOTTIME, */
	int64_t fresh_until_ns; /* and likewise */
	UT_hash_handle hh; /* in the order in which they were kept */
	char text[];
};

static struct cached_lock *copy(const struct lock *lock)
{
	struct cached_lock *fresh = malloc(sizeof(*fresh) + text_size(lock->key) + holder_text_size(&lock->holder));

	if (!fresh)
		return NULL;

	char *cursor = fresh->text;
	fresh->lock = *lock;
	fresh->lock.key = copy_text(&cursor, lock->key);
	fresh->lock.holder = copy_holder(&cursor, &lock->holder);
	return fresh;
}

static struct cached_lock *find(const struct lock_cache *fresh, const char *key)
{
	struct cached_lock *lock;

	HASH_FIND_STR(fresh->by_key, key, lock);
	return lock;
}

static void discard(struct lock_cache *fresh, struct cached_lock *lock)
{
	HASH_DELETE(hh, fresh->by_key, lock);
	free(lock);
}

/* What is left of its lease by now, in ms, or LEASE_NEVER. */
static int64_t left_ms(const struct cached_lock *kept)
{
	if (kept->lock.remaining_ms == LEASE_NEVER)
		return LEASE_NEVER;
	return kept->lock.remaining_ms - (boot_ns() - kept->kept_ns) / NS_PER_MS - 1;
}

/* The table keeps the order in which they came, so the oldest is its first. */
static void make_room(struct lock_cache *fresh)
{
	while (HASH_COUNT(fresh->by_key) >= KEPT_MAX)
		discard(fresh, fresh->by_key);
}

void lock_cache_add(struct lock_cache *fresh, const struct lock *lock, int64_t sent_ns)
{
	bool lasts = lock->ttl_ms == LEASE_NEVER || lock->ttl_ms >= LEASE_FLOOR_MS;
	int64_t now_ns = boot_ns();
	struct cached_lock *kept;

	kept = find(fresh, lock->key);
	if (kept)
		discard(fresh, kept);
	make_room(fresh);
	if (!lasts || lock->content_size)
		return;
	kept = copy(lock);
	if (!kept)
		return;
	kept->kept_ns = now_ns;
	/* What is this old when it comes is fresh no more. */
	kept->fresh_until_ns = now_ns - sent_ns > FRESH_NS ? 0 : now_ns + FRESH_NS;
	HASH_ADD_KEYPTR(hh, fresh->by_key, kept->lock.key, strlen(kept->lock.key), kept);
	if (!kept->hh.tbl)
		free(kept);
}

/* Describes it as it is now; false where its lease is over. */
static bool tell(const struct cached_lock *kept, struct lock *ret)
{
	int64_t left = left_ms(kept);

	if (left != LEASE_NEVER && left <= 0)
		return false;
	*ret = kept->lock;
	ret->remaining_ms = left;
	return true;
}

bool lock_cache_find(const struct lock_cache *fresh, const char *key, struct lock *ret)
{
	const struct cached_lock *kept = find(fresh, key);

	/* Who waited for it when it was acquired may have gone since: who asks how many are is told by the server. */
	return kept && boot_ns() <= kept->fresh_until_ns && kept->lock.waiters == 0 && tell(kept, ret);
}

bool lock_cache_get(const struct lock_cache *fresh, const char *key, struct lock *ret)
{
	const struct cached_lock *kept = find(fresh, key);

	return kept && tell(kept, ret);
}

void lock_cache_drop(struct lock_cache *fresh, const char *key)
{
	struct cached_lock *kept = find(fresh, key);

	fresh->changes++;
	if (kept)
		discard(fresh, kept);
}

void lock_cache_drop_all(struct lock_cache *fresh)
{
	fresh->changes++;
	while (fresh->by_key)
		discard(fresh, fresh->by_key);
}
