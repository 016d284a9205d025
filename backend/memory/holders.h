/*
 * Holders of locks without their ids. One process or user often has many locks, so what these have in common
 * is kept once; each lock has its own id.
 */
#ifndef BACKEND_MEMORY_HOLDERS_H
#define BACKEND_MEMORY_HOLDERS_H

#include "backend/util/hash.h"
#include "backend/util/quota.h"
#include "lockfs/lock.h"

/* The key of a holder in the hash table. It is compared byte by byte, so it has no padding. */
struct mem_holder_name {
	uint32_t pid, uid, gid;
	uint32_t has_identity;
	char texts[]; /* identity, user, host, place, command, each with its NUL */
};

struct mem_holder {
	struct lock_holder holder; /* its texts are in `name`; its id is NULL */
	size_t holdings;           /* number of its holdings */
	size_t bytes;              /* bytes that count in the quota of its user */
	UT_hash_handle hh;
	struct mem_holder_name name; /* last, as its texts follow the struct */
};

/*
 * Finds the holder, or adds it and counts it in the quota of its user, and counts one holding more. Returns 0,
 * -ENOMEM, or the error of the quota.
 */
int holder_get(struct mem_holder **all, struct quota *quota, const struct lock_holder *holder, struct mem_holder **ret);

/* Counts one holding less, and frees a holder without any. */
void holder_put(struct mem_holder **all, struct quota *quota, struct mem_holder *holder);

#endif
