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

struct renewal;
struct signal_recipient;
struct reserve;

/* All holdings that are kept at one mount. */
struct renewals {
	struct backend *backend;
	struct deadlines due;
	struct quota quota; /* renewals of each user in a minute; set by the caller */
	struct reserve *reserve; /* for renewals and releases that cannot wait; set by the caller */
	struct renewal *all;
	/* A holding is lost: whoever has it open is to be told; calls renewal_lose(). */
	void (*lost)(void *ctx, const char *key, uint64_t token);
	void *ctx;
};

/* Returns 0 or a negative errno. The backend and `lost` are set by the caller. */
int renewals_init(struct renewals *renewals, uv_loop_t *loop);

/* Stops renewing, before the backend is closed. What is kept ends by its lease, and is lost to its process. */
void renewals_stop(struct renewals *renewals);

/* May this user have another holding of this lease kept? Returns 0, or what the quota of renewals says. */
int renewals_admits(struct renewals *renewals, uid_t uid, int64_t ttl_ms);

/*
 * Keeps the holding `lock` that the id `id` proves. `signal` is sent to `recipient` (NULL:
 * none), which the keep takes over, when it is lost. Returns 0, -ENOMEM, or what the quota of
 * renewals says; then the recipient is still the caller's.
 */
int renewal_new(struct renewals *renewals, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient,
             struct renewal **ret);

/* May its lease be this one? Returns 0, or what the quota of renewals says. */
int renewal_admits(struct renewal *renewal, int64_t ttl_ms);

/* The lease is now as `lock` says. */
void renewal_adopt(struct renewal *renewal, const struct lock *lock);

/* It has ended: it is not renewed any more. */
void renewal_stop(struct renewal *renewal);

/* Likewise, and not by its holder's will: the process is told. */
void renewal_lose(struct renewal *renewal);

/*
 * The lock is not the file's any more: releases it if it has not ended, and frees the
 * keep. Where that fails it is tried again until the lease has ended, and `done` (may
 * be NULL) is told of the first time.
 */
void renewal_release(struct renewal *renewal, backend_done *done, void *ctx);

/* Frees a keep that was just made, whose lock is not released by it. */
void renewal_discard(struct renewal *renewal);

/* How many holdings are kept. */
size_t renewals_count(const struct renewals *renewals);

/* Is any holding kept? Costs less than counting them. */
bool renewals_has_bound(const struct renewals *renewals);

/* Is any release not answered yet, or to be tried again? */
bool renewals_is_releasing(const struct renewals *renewals);

/* Room for a count and a few keys. */
#define RENEWALS_TEXT_MAX 640

/*
 * Prints for people which holdings are kept or were not released yet, such as
 * `3 locks: a, b and 1 more`. Returns how many there are; nothing is printed if there
 * are none.
 */
size_t renewals_print(const struct renewals *renewals, char text[RENEWALS_TEXT_MAX]);

/* What proves that its holder asks; lives as long as the keep. */
const struct lock_claim *renewal_claim(const struct renewal *renewal);

/* Has its deadline passed, or its end been told? */
bool renewal_has_ended(const struct renewal *renewal);

#endif
