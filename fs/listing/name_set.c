/* A hash table of hashes of names. */
#include "fs/listing/name_set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/random_id.h"

#define FIRST_SIZE 512 /* slots: 4 KiB */

void name_set_init(struct name_set *set, struct quota *quota, uid_t uid)
{
	*set = (struct name_set){ .quota = quota, .uid = uid };
	/* A machine that is starting may have no randomness yet. */
	if (random_bytes(&set->key, sizeof(set->key)) < 0)
		set->key.low = (uint64_t)boot_ns();
}

static uint64_t hash_of(const struct name_set *set, const char *name)
{
	uint64_t hash = siphash_64(set->key, name, strlen(name));

	return hash ? hash : 1;
}

/* The slot that has this hash, or the free one for it. */
static uint64_t *find_slot(uint64_t *hashes, size_t size, uint64_t hash)
{
	size_t index = (size_t)hash & (size - 1);

	while (hashes[index] && hashes[index] != hash)
		index = (index + 1) & (size - 1);
	return &hashes[index];
}

static int grow(struct name_set *set)
{
	size_t size = set->size ? 2 * set->size : FIRST_SIZE;
	uint64_t *hashes;
	int err = quota_take(set->quota, set->uid, size * sizeof(*hashes));

	if (err < 0)
		return err;
	hashes = calloc(size, sizeof(*hashes));
	if (!hashes) {
		quota_give(set->quota, set->uid, size * sizeof(*hashes));
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->size; i++)
		if (set->hashes[i])
			*find_slot(hashes, size, set->hashes[i]) = set->hashes[i];
	quota_give(set->quota, set->uid, set->size * sizeof(*hashes));
	free(set->hashes);
	set->hashes = hashes;
	set->size = size;
	return 0;
}

int name_set_add(struct name_set *set, const char *name)
{
	uint64_t hash = hash_of(set, name);
	uint64_t *slot;
	int err = 2 * (set->count + 1) > set->size ? grow(set) : 0;

	if (err < 0)
		return err;
	slot = find_slot(set->hashes, set->size, hash);
	if (*slot)
		return 0;
	*slot = hash;
	set->count++;
	return 1;
}

void name_set_clear(struct name_set *set)
{
	quota_give(set->quota, set->uid, set->size * sizeof(*set->hashes));
	free(set->hashes);
	set->hashes = NULL;
	set->size = 0;
	set->count = 0;
}
