/*
 * Reads of locks, and the cache of the locks that this mount acquired. The cache is used only while the
 * subscription is up and all messages that have arrived are handled.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/notify/subscription.h"
#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/redis/waiting/wait_queue.h"

void redis_note_generation(void *ctx, struct script_call *call)
{
	const struct redis_backend *redis = ctx;

	call->generation = redis->lock_cache.generation;
}

/* A moved holding stays bound, and a replaced one has ended. */
static void note_for_reclaim(const struct redis_backend *redis, const struct script_call *call, const struct lock *lock)
{
	bool was_bound = lock->ended_source && reclaim_is_bound(redis->reclaim, lock->ended_source);

	if (call->replaces)
		reclaim_note_ended(redis->reclaim, call->key, call->replaces);
	reclaim_note_acquired(redis->reclaim, lock, call->nonce, call->bound || was_bound);
}

/* A notification since the call was sent may be about this lock, so then it is not cached. Messages not read yet are read before the cache is used. */
void redis_note_acquired(void *ctx, const struct script_call *call, const struct lock *lock)
{
	struct redis_backend *redis = ctx;

	note_for_reclaim(redis, call, lock);
	if (call->generation == redis->lock_cache.generation)
		lock_cache_add(&redis->lock_cache, lock, call->sent_ns);
}

static void on_entry(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	call->answer.entry(call->ctx, operation_status(status), status == 0 ? &entry : NULL);
}

bool redis_may_undo(const struct redis_backend *redis, const char *nonce, uint64_t token)
{
	char text[CALL_NUMBER_MAX];

	if (!nonce)
		return false;
	snprintf(text, sizeof(text), "%" PRIu64, token);
	return wait_queue_has(redis->wait_queue, nonce) || script_calls_has_undo(redis->calls, nonce) ||
		script_calls_has_undo(redis->calls, text);
}

void redis_hide_link(const struct redis_backend *redis, const redisReply *reply, struct lock *lock)
{
	const char *token;
	const char *nonce = reply_linked(reply, &token);

	if (nonce && (script_calls_has_undo(redis->calls, nonce) || script_calls_has_undo(redis->calls, token)))
		lock->linked = false;
}

/* Answers a caller that asks whether it holds the lock: a lock that may be undone is shown as granted, nobody's yet. */
static void on_read(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry = { .kind = ENTRY_LOCK };

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	operation_note_entry(call->owner, call->key, status, &entry);
	if (status == 0 && entry.kind == ENTRY_LOCK && redis_may_undo(call->owner, reply_undoable(reply), entry.lock.token))
		entry.lock.granted = true;
	if (status == 0 && entry.kind == ENTRY_LOCK)
		redis_hide_link(call->owner, reply, &entry.lock);
	call->answer.entry(call->ctx, operation_status(status), status == 0 ? &entry : NULL);
}

void redis_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct entry entry = { .kind = ENTRY_LOCK };
	struct script_call *call;

	if (redis->lock_cache.by_key && subscription_is_current(redis->subscription) &&
		lock_cache_find(&redis->lock_cache, key, &entry.lock)) {
		done(ctx, 0, &entry);
		return;
	}
	call = script_call_new(redis->calls, SCRIPT_READ, key);
	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	operation_add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_text(call, claim ? "1" : "");
	call->done = on_read;
	call->owner = redis;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}

static void on_checked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct redis_backend *redis = call->owner;
	uint64_t token = call->token;
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	if (!entry_is_holding(status, &entry, token))
		lock_cache_drop(&redis->lock_cache, call->key);
}

/* Reads a cached lock from the server, and drops it from the cache if it is gone. */
static void check_in_background(struct redis_backend *redis, const struct lock *lock)
{
	struct script_call *call = script_call_new(redis->calls, SCRIPT_READ, lock->key);

	if (!call) {
		lock_cache_drop(&redis->lock_cache, lock->key);
		return;
	}
	operation_add_claim(call, NULL);
	script_call_add_token(call, lock->token);
	script_call_add_text(call, "");
	call->done = on_checked;
	call->owner = redis;
	call->token = lock->token;
	script_call_start(call);
}

bool redis_read_cached(struct backend *backend, const char *key, struct lock *ret)
{
	struct redis_backend *redis = redis_of(backend);

	if (!redis->lock_cache.by_key || !subscription_is_current(redis->subscription))
		return false;
	if (lock_cache_find(&redis->lock_cache, key, ret))
		return true;
	if (!lock_cache_get(&redis->lock_cache, key, ret))
		return false;
	check_in_background(redis, ret);
	/* If the check could not be sent, the lock was dropped. */
	return lock_cache_get(&redis->lock_cache, key, ret);
}

void redis_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, SCRIPT_WATCH, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	script_call_add_token(call, token);
	call->done = on_entry;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}
