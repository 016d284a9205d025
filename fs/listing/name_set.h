/*
 * The names of a directory that a pass over it has seen, so that it tells none twice. Of each name only a hash is kept: 8 bytes,
 * and as many again in a table that is half full. Two names of a directory of a million have one hash once in 30 million
 * passes, as nobody knows the key of the hash. The user of the pass is charged for the memory.
 */
#ifndef FS_LISTING_NAME_SET_H
#define FS_LISTING_NAME_SET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/quota.h"
#include "backend/util/siphash.h"

struct name_set {
	struct quota *quota; /* of bytes */
	uid_t uid;
	struct siphash_key key;
	uint64_t *hashes; /* hash table; 0: a free slot. NULL: no name is in it */
	size_t size;      /* slots: a power of 2 */
	size_t count;
};

/* Makes an empty set, which has no memory yet. */
void name_set_init(struct name_set *set, struct quota *quota, uid_t uid);

/* Adds a name. Returns 1; 0 if the set has it; -ENOMEM; or the error of the quota. */
int name_set_add(struct name_set *set, const char *name);

/* Removes all names and frees the memory. */
void name_set_clear(struct name_set *set);

#endif
