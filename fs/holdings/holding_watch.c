/*
 * Watches over holdings with one timer for each, which reads the holding from the backend
 * or takes the next step of its renewal. Holdings are read because one that is polled or
 * followed may have ended, and because another mount may have changed a lease.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/container_of.h"
#include "fs/holdings/holding_internal.h"
#include "fs/util/reserve.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

/* 5 ms: how long after the end of a lease the holding is read, because the clock of the backend may be behind ours. */
#define LATE_MS 5

/* 500 ms: pause before a holding is read again, after the backend failed to say whether it is there. */
#define RETRY_MS 500

/* A read of a holding that the backend has not answered. */
struct check {
	struct holdings *holdings;
	uint64_t token;
	uint64_t serial;
	char key[];
};

/* The timer */

int holding_set_timer(struct holding *holding)
{
	struct deadlines *due = &holding->holdings->due;
	int64_t renewal_ns = holding->renewal ? renewal_due_ns(holding->renewal) : NEVER;
	int64_t due_ns = holding->recheck_ns < renewal_ns ? holding->recheck_ns : renewal_ns;

	if (holding->timed)
		heap_remove(&due->heap, &holding->due);
	holding->timed = false;
	if (due_ns == NEVER)
		return 0;
	holding->timed = heap_insert(&due->heap, &holding->due, due_ns) == 0;
	deadlines_arm(due);
	return holding->timed ? 0 : -ENOMEM;
}

static void recheck_at(struct holding *holding, int64_t due_ns)
{
	holding->recheck_ns = due_ns;
	(void)holding_set_timer(holding); /* without memory it is read when something else wants it */
}

static void recheck_in(struct holding *holding, int64_t ms)
{
	recheck_at(holding, boot_ns() + ms * NS_PER_MS);
}

/* Reading */

static bool is_polled_or_bound(const struct holding *holding)
{
	return holding->state == HOLDING_HELD && (holding->watched || holding_renewal(holding));
}

/* Does anything here need to learn of the end or of another lease? */
static bool is_relied_on(const struct holding *holding)
{
	return holding->followers || is_polled_or_bound(holding);
}

/* The backend says that the holding is there. */
static void on_found(struct holding *holding, const struct lock *lock)
{
	struct renewal *renewal = holding_renewal(holding);

	if (renewal)
		renewal_adopt(renewal, lock);
	if ((holding->watched || holding->followers) && lock->remaining_ms != LEASE_NEVER)
		recheck_in(holding, lock->remaining_ms + LATE_MS);
}

static void on_checked(void *ctx, int status, const struct entry *entry)
{
	struct check *check = ctx;
	struct holding *holding = holding_find(check->holdings, check->key, check->token);

	if (holding && holding->serial == check->serial && is_relied_on(holding) && status != -ESHUTDOWN) {
		if (status < 0 && status != -ENOENT)
			recheck_in(holding, RETRY_MS);
		else if (!entry_is_holding(status, entry, check->token))
			holding_end(holding, HOLDING_ENDED, true);
		else
			on_found(holding, &entry->lock);
	}
	free(check);
}

static void check_holding(struct holding *holding)
{
	struct backend *backend = holding->holdings->backend;
	struct check *check = calloc(1, sizeof(*check) + strlen(holding->key) + 1);

	if (!check) {
		recheck_in(holding, RETRY_MS);
		return;
	}
	check->holdings = holding->holdings;
	check->token = holding->token;
	check->serial = holding->serial;
	stpcpy(check->key, holding->key);
	if (holding->followers && !backend_notifies_all_ends(backend))
		backend_watch(backend, check->key, check->token, on_checked, check);
	else
		backend_read_holding(backend, check->key, check->token, on_checked, check);
}

void holdings_on_due(struct deadlines *due)
{
	struct holdings *holdings = container_of(due, struct holdings, due);
	struct heap_item *first;

	reserve_prepare(holdings->reserve);
	while ((first = heap_first(&due->heap)) && first->due <= boot_ns()) {
		struct holding *holding = container_of(first, struct holding, due);

		if (holding->recheck_ns == first->due) {
			recheck_at(holding, NEVER);
			check_holding(holding);
		} else {
			renewal_step(holding->renewal);
		}
	}
	deadlines_arm(due);
}

void holding_watch(struct holding_member *member)
{
	struct holding *holding = member->holding;

	if (!holding || holding->watched || holding->state != HOLDING_HELD)
		return;
	holding->watched = true;
	if (holding->holdings->watched_count++ == 0)
		event_interest_join(holding->holdings->event_interest, LISTEN_EVENTS);
	check_holding(holding);
}

void holding_unwatch(struct holding *holding)
{
	if (!holding->watched)
		return;
	holding->watched = false;
	if (--holding->holdings->watched_count == 0)
		event_interest_leave(holding->holdings->event_interest, LISTEN_EVENTS);
}

void holding_cancel_recheck(struct holding *holding)
{
	if (holding->recheck_ns != NEVER)
		recheck_at(holding, NEVER);
}

void holding_recheck_in(struct holding_follower *follower, int64_t ms)
{
	struct holding *holding = follower->holding;
	int64_t due_ns = boot_ns() + (ms + LATE_MS) * NS_PER_MS;

	if (due_ns < holding->recheck_ns)
		recheck_at(holding, due_ns);
}

/* What the backend reports */

static void recheck_if(struct holding *first, bool (*is_wanted)(const struct holding *holding))
{
	struct holding *holding;

	DL_FOREACH(first, holding)
		if (is_wanted(holding))
			recheck_in(holding, 0);
}

void holdings_recheck(struct holdings *holdings, uint64_t token)
{
	recheck_if(holding_find_first(holdings, token), is_relied_on);
}

void holdings_recheck_all(struct holdings *holdings)
{
	struct holding *first, *next;

	HASH_ITER(hh, holdings->by_token, first, next)
		recheck_if(first, is_relied_on);
}

void holdings_recheck_open(struct holdings *holdings)
{
	struct holding *first, *next;

	HASH_ITER(hh, holdings->by_token, first, next)
		recheck_if(first, is_polled_or_bound);
}

void holdings_doubt(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = holding_find(holdings, key, token);

	if (holding && (holding->watched || holding->followers) && !holding_renewal(holding))
		recheck_in(holding, 0);
}

int holdings_admit_lease(const struct holdings *holdings, const char *key, struct holding_match match, int64_t ttl_ms)
{
	const struct holding *holding = match.any ? NULL : holding_find(holdings, key, match.token);
	struct renewal *renewal = holding ? holding_renewal(holding) : NULL;

	return renewal && ttl_ms != LEASE_UNSET ? renewal_admits(renewal, ttl_ms) : 0;
}

void holdings_adopt(struct holdings *holdings, const struct lock *lock)
{
	struct holding *holding = holding_find(holdings, lock->key, lock->token);

	if (holding)
		on_found(holding, lock);
}
