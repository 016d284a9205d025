#include "backend/redis/fresh.h"

#include <stdlib.h>
#include <string.h>

#include "backend/clock.h"
#include "backend/copy.h"
#include "backend/table.h"

/* A moment. Clients past lockfs tell nobody when they delete a lock, so it is short. */
#define FRESH_NS (3 * NS_PER_MS)

/* A lock of a shorter lease is not kept: none that is kept can end within that moment. */
#define LEASE_FLOOR_MS 1000

struct fresh_lock {
	struct lock lock; /* its texts are behind it */
	int64_t kept_ns; /* CLOCK_BOOTTIME */
	UT_hash_handle hh; /* in the order in which they were kept */
	char text[];
};

static struct fresh_lock *copy(const struct lock *lock)
{
	struct fresh_lock *fresh = malloc(sizeof(*fresh) + text_size(lock->key) + holder_text_size(&lock->holder));

	if (!fresh)
		return NULL;

	char *cursor = fresh->text;
	fresh->lock = *lock;
	fresh->lock.key = copy_text(&cursor, lock->key);
	fresh->lock.holder = copy_holder(&cursor, &lock->holder);
	return fresh;
}

static struct fresh_lock *find(const struct fresh_locks *fresh, const char *key)
{
	struct fresh_lock *lock;

	HASH_FIND_STR(fresh->by_key, key, lock);
	return lock;
}

static void discard(struct fresh_locks *fresh, struct fresh_lock *lock)
{
	HASH_DELETE(hh, fresh->by_key, lock);
	free(lock);
}

static void discard_old(struct fresh_locks *fresh, int64_t now_ns)
{
	/* The table keeps the order in which they came, so the oldest is its first. */
	while (fresh->by_key && now_ns - fresh->by_key->kept_ns > FRESH_NS)
		discard(fresh, fresh->by_key);
}

void fresh_keep(struct fresh_locks *fresh, const struct lock *lock, int64_t sent_ns)
{
	bool lasts = lock->ttl_ms == LEASE_NEVER || lock->ttl_ms >= LEASE_FLOOR_MS;
	int64_t now_ns = boot_ns();
	struct fresh_lock *kept;

	discard_old(fresh, now_ns);
	kept = find(fresh, lock->key);
	if (kept)
		discard(fresh, kept);
	if (!lasts || lock->content_size || now_ns - sent_ns > FRESH_NS)
		return;
	kept = copy(lock);
	if (!kept)
		return;
	kept->kept_ns = now_ns;
	HASH_ADD_KEYPTR(hh, fresh->by_key, kept->lock.key, strlen(kept->lock.key), kept);
	if (!kept->hh.tbl)
		free(kept);
}

bool fresh_find(const struct fresh_locks *fresh, const char *key, struct lock *ret)
{
	const struct fresh_lock *kept = find(fresh, key);
	int64_t age_ns = kept ? boot_ns() - kept->kept_ns : 0;

	if (!kept || age_ns > FRESH_NS)
		return false;
	*ret = kept->lock;
	if (ret->ttl_ms != LEASE_NEVER)
		ret->remaining_ms -= age_ns / NS_PER_MS;
	return true;
}

void fresh_drop(struct fresh_locks *fresh, const char *key)
{
	struct fresh_lock *kept = find(fresh, key);

	fresh->changes++;
	if (kept)
		discard(fresh, kept);
}

void fresh_drop_all(struct fresh_locks *fresh)
{
	fresh->changes++;
	while (fresh->by_key)
		discard(fresh, fresh->by_key);
}
