/* Remembers for each polled key who held it when a waiter was refused last. */
#include "fs/holdings/polled_key.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "lockfs/lock.h"

struct polled_key {
	unsigned int waiters;
	const void *asker;        /* a waiter whose call the backend has not answered, or NULL */
	int64_t refused_ns;       /* CLOCK_BOOTTIME of the last refusal; 0: none yet */
	struct lock_claim holder; /* claim of the holder at that time; its texts are in `id` and `identity` */
	char id[LOCK_ID_MAX + 1];
	char identity[LOCK_IDENTITY_MAX + 1];
	UT_hash_handle hh;
	char key[];
};

struct polled_key *polled_key_join(struct polled_keys *keys, const char *key)
{
	struct polled_key *polled;

	HASH_FIND_STR(keys->by_key, key, polled);
	if (!polled) {
		polled = calloc(1, sizeof(*polled) + strlen(key) + 1);
		if (!polled)
			return NULL;
		stpcpy(polled->key, key);
		HASH_ADD_STR(keys->by_key, key, polled);
		if (!polled->hh.tbl) {
			free(polled);
			return NULL;
		}
	}
	polled->waiters++;
	return polled;
}

void polled_key_leave(struct polled_keys *keys, struct polled_key *polled)
{
	if (--polled->waiters > 0)
		return;
	HASH_DELETE(hh, keys->by_key, polled);
	free(polled);
}

void polled_key_ask(struct polled_key *polled, const void *asker)
{
	if (!polled->asker)
		polled->asker = asker;
}

void polled_key_answered(struct polled_key *polled, const void *asker)
{
	if (polled->asker == asker)
		polled->asker = NULL;
}

/* Returns NULL for no text, and for a text of another Redis client that is too long for any id or identity of lockfs. */
static const char *copy_short(char *copy, size_t size, const char *text)
{
	if (!text || strlen(text) >= size)
		return NULL;
	stpcpy(copy, text);
	return copy;
}

void polled_key_refuse(struct polled_key *polled, const struct lock *lock)
{
	const struct lock_claim *claim = &lock->holder.claim;

	polled->refused_ns = boot_ns();
	polled->holder.id = copy_short(polled->id, sizeof(polled->id), claim->id);
	polled->holder.identity = copy_short(polled->identity, sizeof(polled->identity), claim->identity);
}

bool polled_key_refuses(const struct polled_key *polled, const struct acquisition *acquisition, int64_t interval_ms)
{
	if (!polled->refused_ns)
		return false;
	/* If an answer takes longer than the interval, the call under way serves as the call of this interval. */
	if (!polled->asker && boot_ns() - polled->refused_ns >= interval_ms * NS_PER_MS)
		return false;
	/* A waiter that holds the lock itself must ask: it is answered that it has the lock. */
	return acquisition->exclusive_even_for_me || !lock_claim_proves(&acquisition->holder.claim, &polled->holder);
}
