/*
 * The shared holdings of all locks in two tables: by token, and by what proves them. A lock can have very many of them, so
 * that none is searched for one by one. A lock has one exclusive holding, which needs no table.
 */
#ifndef BACKEND_MEMORY_SHARED_H
#define BACKEND_MEMORY_SHARED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/hash.h"
#include "backend/util/quota.h"
#include "lockfs/lock.h"

struct mem_holding;
struct mem_lock;
struct mem_proof;

/* The place of a shared holding among those of its lock that the same id, or the same identity, proves. */
struct mem_proof_link {
	struct mem_holding *holding;
	struct mem_proof *proof; /* NULL: the holder has no identity */
	struct mem_proof_link *prev, *next;
};

/* The key of a proof in the hash table. It is compared byte by byte, so it has no padding. */
struct mem_proof_name {
	uint64_t lock; /* address of the lock */
	uint64_t is_identity;
	char text[]; /* the id or identity, without a NUL */
};

/* An id or identity that proves shared holdings of a lock. */
struct mem_proof {
	struct mem_proof_link *links; /* of these holdings, the oldest first */
	uid_t uid;                    /* user in whose quota it counts: the first holder */
	size_t size;                  /* of the allocation */
	UT_hash_handle hh;
	struct mem_proof_name name; /* last, as its text follows the struct */
};

/* A shared holding in the tables. */
struct mem_shared_holding {
	struct mem_holding *holding;
	uint64_t token;
	struct mem_proof_link by_id, by_identity;
	UT_hash_handle hh; /* in the table by token */
};

struct mem_shared {
	struct mem_shared_holding *by_token;
	struct mem_proof *proofs;
};

/* Adds a holding, whose holder and token are set, and counts it for its user. Returns 0, -ENOMEM, or the error of the quota. */
int shared_add(struct mem_shared *all, struct quota *quota, struct mem_holding *holding);

/* Removes a holding that was added. */
void shared_remove(struct mem_shared *all, struct quota *quota, struct mem_holding *holding);

/* Returns the shared holding with this token, or NULL. */
struct mem_holding *shared_find(const struct mem_shared *all, uint64_t token);

/* Returns the oldest shared holding of a lock that a claim proves, or NULL. */
struct mem_holding *shared_find_own(const struct mem_shared *all, const struct mem_lock *lock, const struct lock_claim *claim);

#endif
