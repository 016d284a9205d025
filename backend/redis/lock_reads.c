#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/notify/subscription.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/redis/waiting/wait_queue.h"

void redis_note_generation(void *ctx, struct script_call *call)
{
	const struct redis_backend *redis = ctx;

	call->mark = redis->fresh.changes;
}

/* What was told since it was asked for may be of it. What is not read yet is before it is used. */
void redis_cache_acquired(void *ctx, const struct script_call *call, const struct lock *lock)
{
	struct redis_backend *redis = ctx;

	if (call->mark == redis->fresh.changes)
		lock_cache_add(&redis->fresh, lock, call->sent_ns);
}

static void done_entry(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	call->answer.entry(call->ctx, operation_status(status), status == 0 ? &entry : NULL);
}

/* May this mount still have it undone, as the caller who acquires it was not answered, or will not be? */
static bool may_be_undone(const struct redis_backend *redis, const redisReply *reply, uint64_t token)
{
	const char *nonce = reply_undoable(reply);
	char text[CALL_NUMBER_MAX];

	if (!nonce)
		return false;
	snprintf(text, sizeof(text), "%" PRIu64, token);
	return wait_queue_has(redis->tickets, nonce) || script_calls_has_undo(redis->calls, nonce) ||
		script_calls_has_undo(redis->calls, text);
}

/* As done_entry(), for a caller that wants to know whether it holds the lock. */
static void done_read(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	if (status == 0 && entry.kind == ENTRY_LOCK && may_be_undone(call->owner, reply, entry.lock.token))
		entry.lock.granted = true;
	call->answer.entry(call->ctx, operation_status(status), status == 0 ? &entry : NULL);
}

void redis_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                       backend_entry_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct entry entry = { .kind = ENTRY_LOCK };
	struct script_call *call;

	if (redis->fresh.by_key && subscription_is_current(redis->subscription) &&
		lock_cache_find(&redis->fresh, key, &entry.lock)) {
		done(ctx, 0, &entry);
		return;
	}
	call = script_call_new(redis->calls, SCRIPT_READ, key);
	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	operation_add_claim(call, claim);
	call->done = done_read;
	call->owner = redis;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}

static void done_checking(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct redis_backend *redis = call->owner;
	uint64_t token = call->mark;
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	if (!entry_is_holding(status, &entry, token))
		lock_cache_drop(&redis->fresh, call->key);
	free(call->ctx);
}

/* Is it still there? What is found to be wrong is not told again. */
static void check_behind(struct redis_backend *redis, const struct lock *lock)
{
	char *key = strdup(lock->key);
	struct script_call *call = key ? script_call_new(redis->calls, SCRIPT_READ, key) : NULL;

	if (!call) {
		lock_cache_drop(&redis->fresh, lock->key);
		free(key);
		return;
	}
	operation_add_claim(call, NULL);
	call->done = done_checking;
	call->owner = redis;
	call->mark = lock->token;
	call->ctx = key;
	script_call_start(call);
}

bool redis_read_cached(struct backend *backend, const char *key, struct lock *ret)
{
	struct redis_backend *redis = redis_of(backend);

	if (!redis->fresh.by_key || !subscription_is_current(redis->subscription))
		return false;
	if (lock_cache_find(&redis->fresh, key, ret))
		return true;
	if (!lock_cache_get(&redis->fresh, key, ret))
		return false;
	check_behind(redis, ret);
	/* Where there is no asking, it is not kept any more. */
	return lock_cache_get(&redis->fresh, key, ret);
}

void redis_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, SCRIPT_WATCH, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	script_call_add_token(call, token);
	call->done = done_entry;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}
