/*
 * What the files of renewals share: the fields of a renewal. renewal.c renews, releases
 * and loses holdings, renewal_quota.c counts renewals, renewal_summary.c prints them.
 */
#ifndef FS_HOLDINGS_RENEWAL_INTERNAL_H
#define FS_HOLDINGS_RENEWAL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/heap.h"
#include "lockfs/backend.h"

struct renewals;
struct signal_recipient;

/* A lease is renewed when a third of it has passed. */
#define RENEW_PART 3

#define NO_DEADLINE INT64_MAX

struct renewal {
	struct renewals *renewals;
	uint64_t token;
	int64_t ttl_ms;
	int64_t deadline_ns;    /* CLOCK_BOOTTIME at which the holding counts as lost, or NO_DEADLINE */
	int64_t renew_ns;       /* CLOCK_BOOTTIME of the next renewal, or of the next attempt to release */
	bool timed;             /* `due` is in the heap */
	struct heap_item due;
	bool ended;             /* the holding is known to have ended */
	bool locally_expired;   /* it ended by the clock of this machine; the backend may have it still */
	bool renewing;          /* the backend has not answered the last refresh */
	unsigned int calls;     /* all calls that the backend has not answered */
	bool released;          /* renewal_release() was called; the release begins when no call is under way */
	int signal;
	struct signal_recipient *recipient; /* of the signal; NULL: none */
	uid_t uid;              /* the user who acquired: the renewals count for it, and the signal is sent with its rights */
	size_t counted;         /* renewals a minute, counted for `uid`; too few if its quota was full when the lease was shortened */
	int64_t pause_ms;       /* before the next attempt to release; 0: no attempt has failed */
	backend_done *done;     /* called with the result of the first attempt to release; may be NULL */
	void *ctx;
	struct renewal *prev, *next;
	struct lock_claim claim;
	char *key;              /* points behind the id */
	char id[];
};

/* Does this renewal still keep its holding? */
static inline bool renewal_is_bound(const struct renewal *renewal)
{
	return !renewal->ended && !renewal->released;
}

/* Counts the renewals of this lease in place of those counted before. Returns 0, or the error of the quota and nothing has changed. */
int renewal_quota_take(struct renewal *renewal, int64_t ttl_ms);

/* Counts no renewals any more. */
void renewal_quota_give(struct renewal *renewal);

#endif
