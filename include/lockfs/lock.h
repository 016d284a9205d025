/*
 * What a lock is: the words that the file side (fs/) and the backends
 * (backend/) share. lockfs(5) describes locks as their users see them.
 */
#ifndef LOCKFS_LOCK_H
#define LOCKFS_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "lockfs/duration.h"

#define LOCK_KEY_MAX 1024      /* bytes of a key, without its NUL */
#define LOCK_NAME_MAX 255      /* bytes of one component of it */
#define LOCK_ID_MAX 128        /* bytes of an id */
#define LOCK_IDENTITY_MAX 159  /* bytes of an identity */
#define LOCK_CONTENT_MAX 4096  /* bytes kept with a lock for all to read */

/*
 * Proof of holding. Whoever asks with an identity is told apart by it; who
 * asks without one (identity NULL) is told apart by the id. A lock taken under
 * a given id has no identity, so only its id opens it.
 */
struct lock_claim {
	const char *id;       /* may be NULL where identity is not; never empty */
	const char *identity; /* may be NULL where id is not; never empty */
};

/* Does `asking` prove that it is the holder described by `holder`? */
static inline bool lock_claim_proves(const struct lock_claim *asking, const struct lock_claim *holder)
{
	if (asking->identity)
		return holder->identity && strcmp(asking->identity, holder->identity) == 0;
	return asking->id && holder->id && strcmp(asking->id, holder->id) == 0;
}

/* Who has a lock, or asks for one. Strings are never NULL but in the claim. */
struct lock_holder {
	struct lock_claim claim; /* in a held lock the id is never NULL */
	const char *user;        /* login name, or the number of the uid */
	const char *host;
	const char *mount_point_id; /* names one mount point of one host */
	const char *command;
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Prints who that is, for people: the given id, or `user@host:pid command`. Cuts it
 * off where it does not fit, and returns its length as a whole, as snprintf(3).
 */
int lock_owner_print(const struct lock_holder *holder, char *text, size_t size);

/*
 * Which holding of a key a call means. "Any" is no token: a token is above 0, and one that
 * is 0, or that came from outside, never means another holding than its own.
 */
struct holding_match {
	bool any;
	uint64_t token; /* unless `any` */
};

static inline struct holding_match match_any(void)
{
	return (struct holding_match){ .any = true };
}

static inline struct holding_match match_token(uint64_t token)
{
	return (struct holding_match){ .token = token };
}

static inline bool holding_matches(struct holding_match match, uint64_t token)
{
	return match.any || match.token == token;
}

/*
 * Tokens from here on are made of the value that another client of the server gave its lock: such
 * a lock has the same token each time it comes with the same value, on every key. Tokens that are
 * counted get there in the year 2112.
 */
#define FOREIGN_TOKEN_MIN (UINT64_C(1) << 52)

static inline bool token_is_foreign(uint64_t token)
{
	return token >= FOREIGN_TOKEN_MIN;
}

/* A held lock at one instant: the instant at which the backend answered. */
struct lock {
	const char *key;
	struct lock_holder holder;
	int64_t ttl_ms;       /* the lease, or LEASE_NEVER */
	int64_t remaining_ms; /* what is left of it for sure (the time an answer took is taken off); or LEASE_NEVER */
	int64_t acquired_ms;  /* since the epoch, by the backend's clock */
	int64_t refreshed_ms; /* likewise; acquired_ms where never refreshed */
	int64_t expires_ms;   /* likewise, or LEASE_NEVER */
	uint64_t token;       /* the fencing token, never 0; it names this holding */
	bool granted;         /* nobody's yet: handed to one who waits, or it may be undone, as its acquirer was not told */
	bool foreign;         /* taken past lockfs: key, id and lease are all that is known, the token is made up */
	uint64_t waiters;     /* on all mounts */
	const char *content;  /* not NUL-terminated */
	size_t content_size;
};

/* Does `asking` prove that it holds this lock? */
static inline bool lock_is_held_by(const struct lock *lock, const struct lock_claim *asking)
{
	return !lock->granted && lock_claim_proves(asking, &lock->holder.claim);
}

#endif
