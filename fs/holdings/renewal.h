/*
 * The renewals of holdings that are bound to an open file: a holding is renewed while the
 * file is open and released when it is closed. A holding that cannot be renewed is lost by
 * the clock of this machine, before the backend can grant the lock to anybody else. With
 * `signal=`, its process is sent a signal then. holding_bind() begins a renewal.
 */
#ifndef FS_HOLDINGS_RENEWAL_H
#define FS_HOLDINGS_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lockfs/backend.h"

struct holdings;
struct renewal;

/* May another holding with this lease be bound for this user? Returns 0, or the error of the quota of renewals. */
int renewals_admits(struct holdings *holdings, uid_t uid, int64_t ttl_ms);

/*
 * Releases the holding if it has not ended, and frees the renewal. A failed release is
 * repeated until the lease has ended. `done` (may be NULL) is called with the result of
 * the first attempt.
 */
void renewal_release(struct renewal *renewal, backend_done *done, void *ctx);

/* Frees a renewal without releasing its holding. */
void renewal_discard(struct renewal *renewal);

/* Returns how many holdings are bound. */
size_t renewals_count(const struct holdings *holdings);

/* Is any holding bound? Costs less than renewals_count(). */
bool renewals_has_bound(const struct holdings *holdings);

/* Is any release under way, or to be repeated? */
bool renewals_is_releasing(const struct holdings *holdings);

/* Bytes: a count and up to 5 keys; keys that do not fit are counted only. */
#define RENEWALS_TEXT_MAX 640

/*
 * Prints which holdings are bound or not released yet, such as `3 locks: a, b and 1 more`.
 * Returns how many there are. If there are none, the text is empty.
 */
size_t renewals_print(const struct holdings *holdings, char text[RENEWALS_TEXT_MAX]);

/* Stops renewing, before the backend is closed. Bound holdings count as lost, and end by their leases. */
void renewals_stop(struct holdings *holdings);

#endif
