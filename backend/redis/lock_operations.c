/* Operations on locks: acquire, release, refresh, set_permissions, bind, write, truncate, and events that a mount reports. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/redis/revocation.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/util/random_id.h"
#include "lockfs/event.h"

void redis_report_ended(const struct redis_backend *redis, const char *key, uint64_t token, bool taken)
{
	reclaim_note_ended(redis->reclaim, key, token);
	if (redis->on_ended)
		redis->on_ended(redis->ctx, key, token, taken);
}

void redis_on_forced(void *ctx, const char *key, uint64_t token)
{
	const struct redis_backend *redis = ctx;

	redis_report_ended(redis, key, token, true);
}

static void on_release(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	const struct redis_backend *redis = call->owner;
	uint64_t token;

	if (status == 0 && reply_token(reply, &token) == 0)
		redis_report_ended(redis, call->key, token, false);
	else if (!reply && call->sent)
		reclaim_note_doubt(redis->reclaim, call->key, call->match);
	operation_on_plain(call, status, reply, age_ms);
}

/* Does the reply describe a lock? An acquisition that was refused for want of room has none. */
static bool describes_lock(int status, const redisReply *reply)
{
	return status == 0 || status == -EEXIST || (status == -EBUSY && reply->elements > 2);
}

/* A holding has moved from its key, or ended there as the content of another lock was replaced (-EEXIST), which files are told. */
static void end_source(struct redis_backend *redis, const struct script_call *call, int status, uint64_t token)
{
	lock_cache_drop(&redis->lock_cache, call->source);
	reclaim_note_ended(redis->reclaim, call->source, token);
	if (status == -EEXIST)
		redis_report_ended(redis, call->source, token, false);
}

/* Answers with the holder also if the acquisition was refused. */
static void on_acquire(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct redis_backend *redis = call->owner;
	struct lock lock;
	bool described = describes_lock(status, reply);
	int err = described ? acquire_reply(call, status, reply, age_ms, &lock) : 0;

	if (err == -ENOENT && status < 0) {
		/* The lock was held when the server refused; that its lease has ended since does not change the answer. */
		lock.remaining_ms = LEASE_MIN_MS;
		err = 0;
	} else if (err == -ENOENT) {
		/* A reply that arrives after the lease has ended is no acquisition. */
		status = -ETIMEDOUT;
		script_calls_undo(redis->calls, call->key, call->nonce, call->replaces);
	} else if (err < 0) {
		if (status == 0)
			script_calls_undo(redis->calls, call->key, call->nonce, call->replaces);
		status = err;
	}
	if (status == 0)
		redis_note_acquired(redis, call, &lock);
	else if (described && err == 0)
		reclaim_note_lock(redis->reclaim, &lock);
	if (described && err == 0 && call->source)
		end_source(redis, call, status, lock.ended_source);
	call->answer.lock(call->ctx, operation_status(status), described && err == 0 ? &lock : NULL);
}

static void acquire_without_waiting(struct redis_backend *redis, struct acquisition *acquisition)
{
	char nonce[NONCE_SIZE];
	struct script_call *call = random_id(nonce) < 0 ? NULL : acquire_call(redis->calls, acquisition, nonce, "0");

	if (!call) {
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
		return;
	}
	call->undo_if_unanswered = true;
	call->owner = redis;
	redis_note_generation(redis, call);
	call->done = on_acquire;
	call->answer.lock = acquisition->done;
	call->ctx = acquisition->ctx;
	script_call_start(call);
}

void redis_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct redis_backend *redis = redis_of(backend);

	acquisition->pending = NULL;
	if (acquisition->replaces || acquisition->moves)
		lock_cache_drop(&redis->lock_cache, acquisition->key);
	/* What is cached of the source changes, and so a reply that is under way must not be cached. */
	if (acquisition->source)
		lock_cache_drop(&redis->lock_cache, acquisition->source);
	if (acquisition->waits)
		wait_queue_acquire(redis->wait_queue, acquisition);
	else
		acquire_without_waiting(redis, acquisition);
}

void redis_cancel(struct backend *backend, struct acquisition *acquisition)
{
	/* An acquisition that does not wait ends within `timeout_ms` anyway. */
	if (acquisition->pending)
		wait_queue_cancel(redis_of(backend)->wait_queue, acquisition);
}

void redis_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, backend_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct script_call *call;

	if (!claim) {
		lock_cache_drop(&redis->lock_cache, key);
		revocations_release(redis->revocations, key, match, done, ctx);
		return;
	}
	call = operation_plain(backend, SCRIPT_RELEASE, key, done, ctx);
	if (!call)
		return;
	call->done = on_release;
	if (!match.any)
		reclaim_note_release(redis->reclaim, match.token);
	call->match = match;
	operation_add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_text(call, "");
	script_call_add_text(call, "");
	operation_start_change(redis, call);
}

/* Undone by the token, as the nonce is gone with the call. Until that is done, this mount shows the lock as granted to nobody. */
void redis_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct redis_backend *redis = redis_of(backend);
	char text[CALL_NUMBER_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, token);
	lock_cache_drop(&redis->lock_cache, key);
	reclaim_note_ended(redis->reclaim, key, token);
	script_calls_undo(redis->calls, key, text, false);
}

void redis_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx)
{
	struct script_call *call = operation_lock(backend, SCRIPT_REFRESH, key, done, ctx);

	if (!call)
		return;
	operation_add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_number(call, ttl_ms);
	if (modified_ms == TIME_UNSET)
		script_call_add_text(call, NULL);
	else
		script_call_add_number(call, modified_ms);
	operation_start_change(redis_of(backend), call);
}

void redis_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx)
{
	struct script_call *call = operation_lock(backend, SCRIPT_SET_PERMISSIONS, key, done, ctx);

	if (!call)
		return;
	operation_add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_number(call, permissions);
	operation_start_change(redis_of(backend), call);
}

void redis_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                       backend_lock_done *done, void *ctx)
{
	struct script_call *call = operation_lock(backend, SCRIPT_BIND, key, done, ctx);

	if (!call)
		return;
	operation_add_claim(call, claim);
	script_call_add_token(call, token);
	script_call_add_number(call, script_calls_grace_ms(redis_of(backend)->calls));
	call->bound = true;
	operation_start_change(redis_of(backend), call);
}

static void on_published(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	/* Nobody waits for the result of a publication. */
	(void)call;
	(void)status;
	(void)reply;
	(void)age_ms;
}

void redis_publish(struct backend *backend, enum lock_event_kind kind, const char *key,
                   struct holding_match match)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, SCRIPT_PUBLISH, key);

	if (!call)
		return;
	script_call_add_text(call, event_word(kind));
	script_call_add_match(call, match);
	call->done = on_published;
	script_call_start(call);
}

static void on_written(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	const struct redis_backend *redis = call->owner;

	if (status == 0)
		reclaim_note_write(redis->reclaim, call->token, call->offset, call->data, call->data_size);
	operation_on_plain(call, status, reply, age_ms);
}

void redis_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data,
                        size_t size, backend_done *done, void *ctx)
{
	struct script_call *call = operation_plain(backend, SCRIPT_WRITE, key, done, ctx);

	if (!call)
		return;
	call->done = on_written;
	call->token = token;
	call->offset = offset;
	call->data = data;
	call->data_size = size;
	script_call_add_token(call, token);
	script_call_add_number(call, offset);
	script_call_add_bytes(call, data, size);
	script_call_add_number(call, LOCK_CONTENT_MAX);
	operation_start_change(redis_of(backend), call);
}

void redis_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct script_call *call = operation_lock(backend, SCRIPT_TRUNCATE, key, done, ctx);

	if (!call)
		return;
	operation_add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_number(call, size);
	script_call_add_number(call, LOCK_CONTENT_MAX);
	operation_start_change(redis_of(backend), call);
}
