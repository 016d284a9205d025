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
#define LOCK_CONTENT_MAX 4096  /* bytes kept with a lock */

#define LOCK_PERMISSION_BITS 0777 /* the bits of a mode that a lock keeps */
#define LOCK_PERMISSIONS 0644     /* of a lock to which nobody gave others */

/*
 * Proof of holding. A caller with an identity is told apart by its identity; a caller without one
 * (identity NULL) by its id. A lock that was acquired under a given id has no identity, so only that id
 * proves holding.
 */
struct lock_claim {
	const char *id;       /* NULL only if `identity` is not; never empty */
	const char *identity; /* NULL only if `id` is not; never empty */
};

/* Does the claim `asking` prove that its owner is the holder with the claim `holder`? */
static inline bool lock_claim_proves(const struct lock_claim *asking, const struct lock_claim *holder)
{
	if (asking->identity)
		return holder->identity && strcmp(asking->identity, holder->identity) == 0;
	return asking->id && holder->id && strcmp(asking->id, holder->id) == 0;
}

/* The holder of a lock, or the caller that wants to become it. Texts are never NULL, except in the claim. */
struct lock_holder {
	struct lock_claim claim; /* if the lock is held, its id is not NULL */
	const char *user;        /* login name, or the uid as a number */
	const char *host;
	const char *mount_point_id; /* names one mount point of one host */
	const char *command;
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Prints a holder for people: the given id, or `user@host:pid command`. Cuts off what does not fit, and
 * returns the length of the whole text, as snprintf(3) does.
 */
int lock_owner_print(const struct lock_holder *holder, char *text, size_t size);

/*
 * The holding of a key that a call means: any, or the one with a token. "Any" is a flag of its own and not
 * token 0, so that a token that is 0, or that came from outside, never means another holding.
 */
struct holding_match {
	bool any;
	uint64_t token; /* unused if `any` is set */
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
 * Tokens from here on belong to locks of other Redis clients. They are made from the value of the key, so
 * the same value gives the same token each time, on every key. Counted tokens, which are microseconds since
 * the epoch, get here in the year 2112. LAST_TOKEN of clock.lua is the same number.
 */
#define FOREIGN_TOKEN_MIN (UINT64_C(1) << 52)

static inline bool token_is_foreign(uint64_t token)
{
	return token >= FOREIGN_TOKEN_MIN;
}

/* How a holding excludes others. */
enum lock_mode {
	LOCK_EXCLUSIVE, /* the only holding of its lock */
	LOCK_SHARED,    /* beside other shared holdings */
};

/* As what a lock is shown: by which call the holding was acquired. It excludes all others in any form. */
enum lock_form {
	FORM_FILE,
	FORM_SYMLINK, /* by symlink(2): the content is the target */
	FORM_DIRECTORY, /* by mkdir(2) */
	FORM_UNKNOWN, /* in a listing only: whoever wants to know reads the lock */
};

/* The word for a form other than FORM_UNKNOWN. */
const char *lock_form_word(enum lock_form form);

/* The form that a word names; FORM_FILE if none does, or for NULL. */
enum lock_form lock_form_of(const char *word);

/*
 * A held lock at the instant at which the backend answered. A lock has one exclusive holding, or any number of shared
 * ones, each with a holder, a lease and a token of its own. This describes one of them, as the call says; `key`,
 * `mode`, `holders`, `waiters` and `content` are the same for all.
 */
struct lock {
	const char *key;
	enum lock_mode mode;
	enum lock_form form;
	mode_t permissions;   /* LOCK_PERMISSION_BITS: who may read the content, and write it if they hold the lock */
	bool linked;          /* link(2) made this lock from another one, or another one from it, and both are held still */
	bool granted;         /* no claim proves it yet: a waiter did not confirm it, or the acquisition may be undone */
	bool foreign;         /* another Redis client holds it: only key, id and lease are known, and the token is made up */
	const char *first_key; /* of linked locks: the key of the one that was there first; else not set */
	uint64_t ended_source; /* in the answer of an acquisition that moves: the token of the holding that has ended at the source; else 0 */
	uint64_t holders;     /* number of holdings, at least 1 */
	struct lock_holder holder;
	int64_t ttl_ms;       /* the lease, or LEASE_NEVER */
	int64_t remaining_ms; /* what is left of the lease, less the time that the answer took; or LEASE_NEVER */
	int64_t acquired_ms;  /* time of the acquisition since the epoch, by the backend's clock */
	int64_t refreshed_ms; /* time of the last refresh, by the same clock; acquired_ms if there was none */
	int64_t modified_ms;  /* time that the holder gave with the last refresh, since the epoch; refreshed_ms if it gave none */
	int64_t expires_ms;   /* time of expiry since the epoch, by the backend's clock, or LEASE_NEVER */
	uint64_t token;       /* the fencing token, which names this holding; never 0 */
	uint64_t waiters;     /* number of waiters, on all mounts */
	const char *content;  /* not NUL-terminated */
	size_t content_size;  /* bytes of the content */
};

/* Does the claim `asking` prove that its owner holds this lock? */
static inline bool lock_is_held_by(const struct lock *lock, const struct lock_claim *asking)
{
	return !lock->granted && lock_claim_proves(asking, &lock->holder.claim);
}

#endif
