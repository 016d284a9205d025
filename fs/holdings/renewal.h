/*
 * The renewals of holdings that are bound to an open file: a holding is renewed while the
 * file is open and released when it is closed. A holding that cannot be renewed is lost by
 * the clock of this machine, before the backend can grant the lock to anybody else. With
 * `signal=`, its process is sent a signal then.
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

/* All at one mount. */
struct renewals {
	struct backend *backend; /* set by the owner; NULL after renewals_stop() */
	struct deadlines due;
	struct quota quota;      /* renewals of each user in a minute; set by the owner */
	struct reserve *reserve; /* memory for renewals; set by the owner */
	struct renewal *all;
	/* Tells all open files of a lost holding, and calls renewal_lose(); set by the owner. */
	void (*on_lost)(void *ctx, const char *key, uint64_t token);
	void *ctx;
};

/* Returns 0 or a negative errno. */
int renewals_init(struct renewals *renewals, uv_loop_t *loop);

/* Stops renewing, before the backend is closed. Bound holdings count as lost, and end by their leases. */
void renewals_stop(struct renewals *renewals);

/* May another holding with this lease be bound for this user? Returns 0, or the error of the quota of renewals. */
int renewals_admits(struct renewals *renewals, uid_t uid, int64_t ttl_ms);

/*
 * Starts to renew the holding `lock`, which `id` proves. If it is lost, `signal` is sent to
 * `recipient` (NULL: none). Returns 0, and the renewal owns the recipient; or -ENOMEM or the
 * error of the quota of renewals, and the recipient is still the caller's.
 */
int renewal_new(struct renewals *renewals, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient,
                struct renewal **ret);

/* May the holding have this lease from now on? Returns 0, or the error of the quota of renewals. */
int renewal_admits(struct renewal *renewal, int64_t ttl_ms);

/* The backend says that the lease is now that of `lock`. */
void renewal_adopt(struct renewal *renewal, const struct lock *lock);

/* The holding has ended by its holder's will: it is not renewed any more. */
void renewal_stop(struct renewal *renewal);

/* The holding has ended against its holder's will: it is not renewed any more, and its process is sent the signal. */
void renewal_lose(struct renewal *renewal);

/*
 * Releases the holding if it has not ended, and frees the renewal. A failed release is
 * repeated until the lease has ended. `done` (may be NULL) is called with the result of
 * the first attempt.
 */
void renewal_release(struct renewal *renewal, backend_done *done, void *ctx);

/* Frees a renewal without releasing its holding. */
void renewal_discard(struct renewal *renewal);

/* Returns how many holdings are bound. */
size_t renewals_count(const struct renewals *renewals);

/* Is any holding bound? Costs less than renewals_count(). */
bool renewals_has_bound(const struct renewals *renewals);

/* Is any release under way, or to be repeated? */
bool renewals_is_releasing(const struct renewals *renewals);

/* Bytes: a count and up to 5 keys; keys that do not fit are counted only. */
#define RENEWALS_TEXT_MAX 640

/*
 * Prints which holdings are bound or not released yet, such as `3 locks: a, b and 1 more`.
 * Returns how many there are. If there are none, the text is empty.
 */
size_t renewals_print(const struct renewals *renewals, char text[RENEWALS_TEXT_MAX]);

/* The claim that proves the holding to the backend. It lives as long as the renewal. */
const struct lock_claim *renewal_claim(const struct renewal *renewal);

/* Is the holding known to have ended, or has its deadline passed? */
bool renewal_has_ended(const struct renewal *renewal);

#endif
