/*
 * The table of holdings that have open files, and the watch over their ends. A holding
 * ends once and stays ended, whatever the backend says later.
 */
#include "fs/holdings/holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "fs/holdings/renewal.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

/* 500 ms: pause before a holding is read again, after the backend failed to say whether it is there. */
#define RETRY_MS 500

struct holding {
	uint64_t token;
	uint64_t serial; /* unique in this daemon, because a foreign lock's token comes again */
	bool ended;
	bool watched;    /* an open file is polled */
	bool has_recheck;
	struct heap_item recheck;
	struct holding_member *members;
	struct holding *prev, *next; /* holdings of one token, of which the first is in the table; or ended foreign ones */
	UT_hash_handle hh;
	char key[];
};

/* A read of a holding that the backend has not answered. */
struct check {
	struct holdings *holdings;
	uint64_t token;
	uint64_t serial;
	char key[];
};

/* The first holding of this token. Only a foreign token has more than one. */
static struct holding *find(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding;

	HASH_FIND(hh, holdings->by_token, &token, sizeof(token), holding);
	return holding;
}

static struct holding *find_of_key(const struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding;

	DL_FOREACH(find(holdings, token), holding)
		if (strcmp(holding->key, key) == 0)
			return holding;
	return NULL;
}

static int link_holding(struct holdings *holdings, struct holding *holding)
{
	struct holding *first = find(holdings, holding->token);

	if (first) {
		DL_APPEND(first, holding);
		return 0;
	}
	DL_APPEND(first, holding);
	HASH_ADD(hh, holdings->by_token, token, sizeof(holding->token), holding);
	return holding->hh.tbl ? 0 : -ENOMEM;
}

static void unlink_holding(struct holdings *holdings, struct holding *holding)
{
	struct holding *first = find(holdings, holding->token);

	if (first == holding)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table is there while a holding is in it */
		HASH_DELETE(hh, holdings->by_token, first);
	DL_DELETE(first, holding);
	if (first && first != find(holdings, holding->token))
		HASH_ADD(hh, holdings->by_token, token, sizeof(first->token), first);
}

static struct holding *find_or_make(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = find_of_key(holdings, key, token);

	if (holding)
		return holding;
	holding = calloc(1, sizeof(*holding) + strlen(key) + 1);
	if (!holding)
		return NULL;
	holding->token = token;
	holding->serial = ++holdings->last_serial;
	stpcpy(holding->key, key);
	if (link_holding(holdings, holding) < 0) {
		free(holding);
		return NULL;
	}
	return holding;
}

/* Watching */

static void cancel_recheck(struct holdings *holdings, struct holding *holding)
{
	if (holding->has_recheck)
		heap_remove(&holdings->rechecks.heap, &holding->recheck);
	holding->has_recheck = false;
}

static void recheck_in(struct holdings *holdings, struct holding *holding, int64_t ms)
{
	int64_t due_ns = boot_ns() + ms * NS_PER_MS;

	cancel_recheck(holdings, holding);
	holding->has_recheck = heap_insert(&holdings->rechecks.heap, &holding->recheck, due_ns) == 0;
	deadlines_arm(&holdings->rechecks);
}

/* The renewal of a holding that is bound to one of its open files, or NULL. */
static struct renewal *renewal_of(const struct holding *holding)
{
	const struct holding_member *member;

	DL_FOREACH(holding->members, member)
		if (member->renewal)
			return member->renewal;
	return NULL;
}

/* The backend says that the holding is there. */
static void on_found(struct holdings *holdings, struct holding *holding, const struct lock *lock)
{
	struct renewal *renewal = renewal_of(holding);

	if (renewal)
		renewal_adopt(renewal, lock);
	if (holding->watched && lock->remaining_ms != LEASE_NEVER)
		recheck_in(holdings, holding, lock->remaining_ms);
}

static void on_checked(void *ctx, int status, const struct entry *entry)
{
	struct check *check = ctx;
	struct holding *holding = find_of_key(check->holdings, check->key, check->token);

	if (holding && holding->serial == check->serial && !holding->ended && status != -ESHUTDOWN) {
		if (status < 0 && status != -ENOENT)
			recheck_in(check->holdings, holding, RETRY_MS);
		else if (!entry_is_holding(status, entry, check->token))
			holdings_end(check->holdings, check->key, check->token, true);
		else
			on_found(check->holdings, holding, &entry->lock);
	}
	free(check);
}

static void check_holding(struct holdings *holdings, struct holding *holding)
{
	struct check *check = calloc(1, sizeof(*check) + strlen(holding->key) + 1);

	if (!check) {
		recheck_in(holdings, holding, RETRY_MS);
		return;
	}
	check->holdings = holdings;
	check->token = holding->token;
	check->serial = holding->serial;
	stpcpy(check->key, holding->key);
	backend_read(holdings->backend, check->key, on_checked, check);
}

void holding_watch(struct holdings *holdings, struct holding_member *member)
{
	struct holding *holding = member->holding;

	if (!holding || holding->watched || holding->ended)
		return;
	holding->watched = true;
	if (holdings->watched_count++ == 0)
		event_interest_join(holdings->event_interest, LISTEN_EVENTS);
	check_holding(holdings, holding);
}

static void unwatch(struct holdings *holdings, struct holding *holding)
{
	cancel_recheck(holdings, holding);
	if (!holding->watched)
		return;
	holding->watched = false;
	if (--holdings->watched_count == 0)
		event_interest_leave(holdings->event_interest, LISTEN_EVENTS);
}

static struct holding *holding_of_recheck(struct heap_item *item)
{
	return container_of(item, struct holding, recheck);
}

static void on_recheck(struct deadlines *rechecks)
{
	struct holdings *holdings = container_of(rechecks, struct holdings, rechecks);
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	while ((first = heap_first(&rechecks->heap)) && first->due <= now_ns) {
		struct holding *holding = holding_of_recheck(first);

		cancel_recheck(holdings, holding);
		check_holding(holdings, holding);
	}
	deadlines_arm(rechecks);
}

static bool is_relied_on(const struct holding *holding)
{
	return !holding->ended && (holding->watched || renewal_of(holding));
}

void holdings_recheck(struct holdings *holdings, uint64_t token)
{
	struct holding *holding, *next;

	DL_FOREACH_SAFE(find(holdings, token), holding, next)
		if (is_relied_on(holding))
			check_holding(holdings, holding);
}

void holdings_recheck_all(struct holdings *holdings)
{
	struct holding *first, *next;

	HASH_ITER(hh, holdings->by_token, first, next)
		holdings_recheck(holdings, first->token);
}

void holdings_doubt(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = find_of_key(holdings, key, token);

	if (holding && holding->watched && !holding->ended && !renewal_of(holding))
		recheck_in(holdings, holding, 0);
}

int holdings_admit_lease(const struct holdings *holdings, const char *key, uint64_t token, int64_t ttl_ms)
{
	const struct holding *holding = find_of_key(holdings, key, token);
	struct renewal *renewal = holding ? renewal_of(holding) : NULL;

	return renewal && ttl_ms != LEASE_UNSET ? renewal_admits(renewal, ttl_ms) : 0;
}

void holdings_adopt(struct holdings *holdings, const struct lock *lock)
{
	struct holding *holding = find_of_key(holdings, lock->key, lock->token);

	if (holding)
		on_found(holdings, holding, lock);
}

/* Open files */

/* Was the holding taken out of the table, because its key and token may name another one? */
static bool is_apart(const struct holding *holding)
{
	return holding->ended && token_is_foreign(holding->token);
}

int holding_join(struct holdings *holdings, struct holding_member *member, const char *key, uint64_t token)
{
	struct holding *holding = find_or_make(holdings, key, token);

	if (!holding)
		return -ENOMEM;
	if (holding == member->holding)
		return 0;
	holding_leave(holdings, member);
	member->holding = holding;
	DL_APPEND(holding->members, member);
	return 0;
}

void holding_leave(struct holdings *holdings, struct holding_member *member)
{
	struct holding *holding = member->holding;

	if (!holding)
		return;
	member->holding = NULL;
	DL_DELETE(holding->members, member);
	if (holding->members)
		return;
	unwatch(holdings, holding);
	if (is_apart(holding))
		DL_DELETE(holdings->ended, holding);
	else
		unlink_holding(holdings, holding);
	free(holding);
}

bool holding_member_has_ended(const struct holding_member *member)
{
	return (member->holding && member->holding->ended) || (member->renewal && renewal_has_ended(member->renewal));
}

uint64_t holding_member_token(const struct holding_member *member)
{
	return member->holding ? member->holding->token : 0;
}

struct holding_member *holdings_members(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding = find(holdings, token);

	return holding ? holding->members : NULL;
}

/* Ends */

void holdings_end(struct holdings *holdings, const char *key, uint64_t token, bool taken)
{
	struct holding *holding = find_of_key(holdings, key, token);
	struct holding_member *member;

	if (!holding)
		return;
	holding->ended = true;
	unwatch(holdings, holding);
	if (is_apart(holding)) {
		unlink_holding(holdings, holding);
		DL_APPEND(holdings->ended, holding);
	}
	DL_FOREACH(holding->members, member) {
		if (member->renewal && taken)
			renewal_lose(member->renewal);
		else if (member->renewal)
			renewal_stop(member->renewal);
		member->on_ended(member);
	}
}

bool holdings_has_ended(const struct holdings *holdings, const char *key, uint64_t token)
{
	const struct holding *holding = find_of_key(holdings, key, token);
	const struct renewal *renewal = holding ? renewal_of(holding) : NULL;

	return holding && (holding->ended || (renewal && renewal_has_ended(renewal)));
}

/* All holdings */

void holdings_release_bound(struct holdings *holdings)
{
	struct holding *holding, *next;
	struct holding_member *member;

	/* The first holding of a token is enough: only foreign tokens have several, and nothing is bound to those. */
	HASH_ITER(hh, holdings->by_token, holding, next) {
		DL_FOREACH(holding->members, member) {
			struct renewal *renewal = member->renewal;

			member->renewal = NULL;
			if (renewal)
				renewal_release(renewal, NULL, NULL);
		}
	}
}

size_t holdings_count(const struct holdings *holdings)
{
	const struct holding *first, *holding;
	size_t count = 0;

	for (first = holdings->by_token; first; first = first->hh.next)
		DL_FOREACH(first, holding)
			count += !holding->ended;
	return count;
}

int holdings_init(struct holdings *holdings, uv_loop_t *loop)
{
	*holdings = (struct holdings){ 0 };
	return deadlines_init(&holdings->rechecks, loop, on_recheck);
}

void holdings_stop(struct holdings *holdings)
{
	struct holding *first, *next, *holding;

	HASH_ITER(hh, holdings->by_token, first, next)
		DL_FOREACH(first, holding)
			unwatch(holdings, holding);
	holdings->backend = NULL;
	deadlines_close(&holdings->rechecks, NULL);
}
