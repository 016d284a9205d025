/*
 * Holdings that are bound to an open file: renewed for as long as it is open,
 * released when it is closed. A holding that cannot be renewed is lost by the
 * clock of this machine, before the backend can give it to anybody else; its
 * process is told by a signal if it wishes so.
 */
#ifndef FS_HOLDINGS_RENEWAL_H
#define FS_HOLDINGS_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/deadlines.h"
#include "backend/util/quota.h"
#include "lockfs/backend.h"

struct keep;
struct recipient;
struct reserve;

/* All holdings that are kept at one mount. */
struct keeper {
	struct backend *backend;
	struct deadlines due;
	struct quota renewals; /* of each user, a minute; set by the caller */
	struct reserve *reserve; /* for renewals and releases that cannot wait; set by the caller */
	struct keep *all;
	/* A holding is lost: whoever has it open is to be told; calls keep_lose(). */
	void (*lost)(void *ctx, const char *key, uint64_t token);
	void *ctx;
};

/* Returns 0 or a negative errno. The backend and `lost` are set by the caller. */
int keeper_init(struct keeper *keeper, uv_loop_t *loop);

/* Stops renewing, before the backend is closed. What is kept ends by its lease, and is lost to its process. */
void keeper_stop(struct keeper *keeper);

/* May this user have another holding of this lease kept? Returns 0, or what the quota of renewals says. */
int keeper_admits(struct keeper *keeper, uid_t uid, int64_t ttl_ms);

/*
 * Keeps the holding `lock` that the id `id` proves. `signal` is sent to `recipient` (NULL:
 * none), which the keep takes over, when it is lost. Returns 0, -ENOMEM, or what the quota of
 * renewals says; then the recipient is still the caller's.
 */
int keep_new(struct keeper *keeper, const struct lock *lock, const char *id, int signal, struct recipient *recipient,
             struct keep **ret);

/* May its lease be this one? Returns 0, or what the quota of renewals says. */
int keep_admits(struct keep *keep, int64_t ttl_ms);

/* The lease is now as `lock` says. */
void keep_adopt(struct keep *keep, const struct lock *lock);

/* It has ended: it is not renewed any more. */
void keep_stop(struct keep *keep);

/* Likewise, and not by its holder's will: the process is told. */
void keep_lose(struct keep *keep);

/*
 * The lock is not the file's any more: releases it if it has not ended, and frees the
 * keep. Where that fails it is tried again until the lease has ended, and `done` (may
 * be NULL) is told of the first time.
 */
void keep_release(struct keep *keep, backend_done *done, void *ctx);

/* Frees a keep that was just made, whose lock is not released by it. */
void keep_discard(struct keep *keep);

/* How many holdings are kept. */
size_t keeper_count(const struct keeper *keeper);

/* Is any holding kept? Costs less than counting them. */
bool keeper_has_bound(const struct keeper *keeper);

/* Is any release not answered yet, or to be tried again? */
bool keeper_is_releasing(const struct keeper *keeper);

/* Room for a count and a few keys. */
#define KEEPER_TEXT_MAX 640

/*
 * Prints for people which holdings are kept or were not released yet, such as
 * `3 locks: a, b and 1 more`. Returns how many there are; nothing is printed if there
 * are none.
 */
size_t keeper_print(const struct keeper *keeper, char text[KEEPER_TEXT_MAX]);

/* What proves that its holder asks; lives as long as the keep. */
const struct lock_claim *keep_claim(const struct keep *keep);

/* Has its deadline passed, or its end been told? */
bool keep_has_ended(const struct keep *keep);

#endif
