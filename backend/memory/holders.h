/*
 * Who holds locks, but for the id of each: one process or user often has many locks,
 * and what they have in common is kept once.
 */
#ifndef BACKEND_MEMORY_HOLDERS_H
#define BACKEND_MEMORY_HOLDERS_H

#include "backend/util/hash.h"
#include "backend/util/quota.h"
#include "lockfs/lock.h"

/* What a holder is found by: all of it, byte by byte, so it is without padding. */
struct mem_holder_name {
	uint32_t pid, uid, gid;
	uint32_t has_identity;
	char texts[]; /* identity, user, host, place, command, each with its NUL */
};

struct mem_holder {
	struct lock_holder holder; /* its texts are those of the name; the id is NULL */
	size_t locks;              /* that it has */
	size_t bytes;              /* that it takes */
	UT_hash_handle hh;
	struct mem_holder_name name; /* last: it ends in texts */
};

/*
 * The one that is like this, with one more lock counted. A new one counts in the quota of
 * its user. Returns 0, -ENOMEM, or what the quota says.
 */
int holder_get(struct mem_holder **all, struct quota *quota, const struct lock_holder *holder, struct mem_holder **ret);

/* Takes back a lock; one without any is freed. */
void holder_put(struct mem_holder **all, struct quota *quota, struct mem_holder *holder);

#endif
