/*
 * The table of holdings that have open files or followers, and their ends. A holding ends once and
 * stays ended, whatever the backend says later.
 */
#include "fs/holdings/holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/hash.h"
#include "fs/holdings/holding_internal.h"
#include "fs/holdings/renewal.h"
#include "lockfs/lock.h"

/* The table */

struct holding *holding_find_first(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding;

	HASH_FIND(hh, holdings->by_token, &token, sizeof(token), holding);
	return holding;
}

struct holding *holding_find(const struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding;

	DL_FOREACH(holding_find_first(holdings, token), holding)
		if (strcmp(holding->key, key) == 0)
			return holding;
	return NULL;
}

static int link_holding(struct holdings *holdings, struct holding *holding)
{
	struct holding *first = holding_find_first(holdings, holding->token);

	if (first) {
		DL_APPEND(first, holding);
		return 0;
	}
	DL_APPEND(first, holding);
	HASH_ADD(hh, holdings->by_token, token, sizeof(holding->token), holding);
	return holding->hh.tbl ? 0 : -ENOMEM;
}

static void unlink_holding(struct holding *holding)
{
	struct holdings *holdings = holding->holdings;
	struct holding *first = holding_find_first(holdings, holding->token);

	if (first == holding)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table is there while a holding is in it */
		HASH_DELETE(hh, holdings->by_token, first);
	DL_DELETE(first, holding);
	if (first && first != holding_find_first(holdings, holding->token))
		HASH_ADD(hh, holdings->by_token, token, sizeof(first->token), first);
}

static struct holding *find_or_make(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = holding_find(holdings, key, token);

	if (holding)
		return holding;
	holding = calloc(1, sizeof(*holding) + strlen(key) + 1);
	if (!holding)
		return NULL;
	holding->holdings = holdings;
	holding->token = token;
	holding->serial = ++holdings->last_serial;
	holding->deadline_ns = NEVER;
	holding->recheck_ns = NEVER;
	stpcpy(holding->key, key);
	if (link_holding(holdings, holding) < 0) {
		free(holding);
		return NULL;
	}
	return holding;
}

/* Was the holding taken out of the table, because its key and token may name another one? */
static bool is_apart(const struct holding *holding)
{
	return holding->state != HOLDING_HELD && token_is_foreign(holding->token);
}

/* Takes out a holding that has neither open files nor followers any more. */
static void close_if_unused(struct holding *holding)
{
	if (!holding_is_closed(holding))
		return;
	holding_cancel_recheck(holding);
	if (is_apart(holding))
		DL_DELETE(holding->holdings->ended, holding);
	else
		unlink_holding(holding);
	if (!holding->renewal)
		free(holding);
}

/* Open files */

static void join(struct holding_member *member, struct holding *holding)
{
	if (holding == member->holding)
		return;
	holding_leave(member);
	member->holding = holding;
	DL_APPEND(holding->members, member);
}

int holding_join(struct holdings *holdings, struct holding_member *member, const char *key, uint64_t token)
{
	struct holding *holding = find_or_make(holdings, key, token);

	if (!holding)
		return -ENOMEM;
	join(member, holding);
	return 0;
}

void holding_leave(struct holding_member *member)
{
	struct holding *holding = member->holding;

	if (!holding)
		return;
	member->holding = NULL;
	DL_DELETE(holding->members, member);
	if (!holding->members)
		holding_unwatch(holding);
	close_if_unused(holding);
}

struct renewal *holding_unbind(struct holding_member *member)
{
	if (!member->bound)
		return NULL;
	member->bound = false;
	member->holding->bindings--;
	return member->holding->bindings == 0 ? member->holding->renewal : NULL;
}

void holding_drop_lost(struct holding_member *member)
{
	struct renewal *renewal;

	if (!member->bound)
		return;
	holding_end(member->holding, HOLDING_EXPIRED, true); /* the timer may not have run yet */
	renewal = holding_unbind(member);
	if (renewal)
		renewal_release(renewal, NULL, NULL);
}

int holding_bind(struct holdings *holdings, struct holding_member *member, const struct lock *lock, const char *id, int signal,
                 struct signal_recipient *recipient)
{
	struct holding *holding = find_or_make(holdings, lock->key, lock->token);
	int err;

	if (!holding)
		return -ENOMEM;
	err = renewal_new(holding, lock, id, signal, recipient);
	if (err == 0) {
		holding_drop_lost(member); /* calls the backend, so `lock` is not valid any more */
		join(member, holding);
		member->bound = true;
		holding->bindings = 1;
	} else {
		close_if_unused(holding);
	}
	return err;
}

void holding_share(struct holding_member *member, struct holding_member *other)
{
	if (member->bound)
		return;
	join(member, other->holding);
	member->bound = true;
	other->holding->bindings++;
}

bool holding_is_bound_once(const struct holding_member *member)
{
	return member->bound && member->holding->bindings == 1;
}

bool holding_is_converting(const struct holding_member *member)
{
	return member->holding && member->holding->converting;
}

struct holding_member *holding_siblings(const struct holding_member *member)
{
	return member->holding ? member->holding->members : NULL;
}

void holding_set_converting(struct holding_member *member, bool is_asked)
{
	if (member->holding)
		member->holding->converting = is_asked;
}

bool holdings_converts(const struct holdings *holdings, const char *key, uint64_t token)
{
	const struct holding *holding = holding_find(holdings, key, token);

	return holding && holding->converting;
}

static void move_followers(struct holding *from, struct holding *to)
{
	struct holding_follower *follower;

	DL_FOREACH(from->followers, follower)
		follower->holding = to;
	DL_CONCAT(to->followers, from->followers);
	from->followers = NULL;
}

/* Frees `from`, if nothing else uses it. */
static void move_members(struct holding *from, struct holding *to)
{
	struct holding_member *member, *next;

	DL_FOREACH_SAFE(from->members, member, next)
		join(member, to);
}

int holding_convert(struct holdings *holdings, struct holding_member *member, const struct lock *lock)
{
	struct holding *before = member->holding;
	struct holding *after = find_or_make(holdings, lock->key, lock->token);
	bool is_watched = before->watched;

	if (!after)
		return -ENOMEM;
	if (after->renewal || after->state != HOLDING_HELD || !holding_is_closed(after))
		return -EIO;
	if (before->renewal)
		renewal_move(before->renewal, after, lock);
	after->bindings = before->bindings;
	before->bindings = 0;
	move_followers(before, after);
	move_members(before, after);
	if (is_watched)
		holding_watch(member);
	return 0;
}

const char *holding_member_id(const struct holding_member *member)
{
	return member->holding->renewal->id;
}

bool holding_member_has_ended(const struct holding_member *member)
{
	return member->holding && holding_has_ended(member->holding);
}

uint64_t holding_member_token(const struct holding_member *member)
{
	return member->holding ? member->holding->token : 0;
}

struct holding_member *holdings_members(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding = holding_find_first(holdings, token);

	return holding ? holding->members : NULL;
}

/* Followers */

int holding_follow(struct holdings *holdings, struct holding_follower *follower, const char *key, uint64_t token)
{
	follower->holding = find_or_make(holdings, key, token);
	if (!follower->holding)
		return -ENOMEM;
	DL_APPEND(follower->holding->followers, follower);
	return 0;
}

void holding_unfollow(struct holding_follower *follower)
{
	DL_DELETE(follower->holding->followers, follower);
	close_if_unused(follower->holding);
}

/* Ends */

/* The holding is freed with its last follower, if nothing else keeps it. */
static void end_followers(struct holding *holding)
{
	struct holding_follower *follower, *next;

	DL_FOREACH_SAFE(holding->followers, follower, next)
		follower->on_ended(follower);
}

void holding_end(struct holding *holding, enum holding_state state, bool taken)
{
	struct renewal *renewal = holding_renewal(holding);
	struct holding_member *member;

	/* Followers may come after the end, while a server shows the holding still or again. */
	if (holding->state != HOLDING_HELD) {
		end_followers(holding);
		return;
	}
	holding->state = state;
	holding_unwatch(holding);
	holding_cancel_recheck(holding);
	if (is_apart(holding)) {
		unlink_holding(holding);
		DL_APPEND(holding->holdings->ended, holding);
	}
	if (renewal)
		renewal_end(renewal, taken);
	DL_FOREACH(holding->members, member)
		member->on_ended(member);
	end_followers(holding);
}

void holdings_end(struct holdings *holdings, const char *key, uint64_t token, bool taken)
{
	struct holding *holding = holding_find(holdings, key, token);

	if (holding)
		holding_end(holding, HOLDING_ENDED, taken);
}

bool holdings_has_ended(const struct holdings *holdings, const char *key, uint64_t token)
{
	const struct holding *holding = holding_find(holdings, key, token);

	return holding && holding_has_ended(holding);
}

/* All holdings */

void holdings_release_bound(struct holdings *holdings)
{
	struct holding *holding, *next;
	struct holding_member *member;

	/* The first holding of a token is enough: only foreign tokens have several, and nothing is bound to those. */
	HASH_ITER(hh, holdings->by_token, holding, next) {
		DL_FOREACH(holding->members, member) {
			struct renewal *renewal = holding_unbind(member);

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
			count += holding->members && holding->state == HOLDING_HELD;
	return count;
}

int holdings_init(struct holdings *holdings, uv_loop_t *loop)
{
	*holdings = (struct holdings){ 0 };
	return deadlines_init(&holdings->due, loop, holdings_on_due);
}

void holdings_stop(struct holdings *holdings)
{
	struct holding *first, *next, *holding;

	HASH_ITER(hh, holdings->by_token, first, next)
		DL_FOREACH(first, holding) {
			holding_unwatch(holding);
			holding_cancel_recheck(holding);
		}
	holdings->backend = NULL;
	renewals_stop(holdings);
	deadlines_close(&holdings->due, NULL);
}
