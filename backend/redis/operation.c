/* What the operations have in common: making a call, dropping the cached lock, and reading the answer. */
#include <errno.h>

#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_lock.h"

/* A reply that no script of lockfs makes (-EPROTO) is an error of the server. */
int operation_status(int status)
{
	return status == -EPROTO ? -EIO : status;
}

/*
 * Drops the cached lock that a call may change. That is done when the call is sent and again when it
 * ends, as another reply may add the lock in between.
 */
void operation_drop_cached(struct script_call *call)
{
	struct redis_backend *redis = call->owner;

	lock_cache_drop(&redis->lock_cache, call->key);
}

void operation_start_change(struct redis_backend *redis, struct script_call *call)
{
	call->owner = redis;
	operation_drop_cached(call);
	script_call_start(call);
}

void operation_on_plain(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)reply;
	(void)age_ms;
	operation_drop_cached(call);
	call->answer.plain(call->ctx, operation_status(status));
}

static void note_lock(const struct script_call *call, const struct lock *lock)
{
	const struct redis_backend *redis = call->owner;

	if (call->bound)
		reclaim_note_bound(redis->reclaim, lock);
	else
		reclaim_note_lock(redis->reclaim, lock);
}

void operation_note_entry(const struct redis_backend *redis, const char *path, int status, const struct entry *entry)
{
	if (status == 0 && entry->kind == ENTRY_DIR)
		reclaim_note_dir(redis->reclaim, path, &entry->dir);
	else if (status == 0 || status == -ENOENT)
		reclaim_forget_dir(redis->reclaim, path);
	if (status == 0 && entry->kind == ENTRY_LOCK)
		reclaim_note_lock(redis->reclaim, &entry->lock);
}

static void on_lock(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct lock lock;

	operation_drop_cached(call);
	if (status == 0)
		status = reply_lock(reply, call->key, age_ms, &lock);
	if (status == 0)
		note_lock(call, &lock);
	if (status == 0)
		redis_hide_link(call->owner, reply, &lock);
	call->answer.lock(call->ctx, operation_status(status), status == 0 ? &lock : NULL);
}

struct script_call *operation_plain(struct backend *backend, enum script script, const char *key, backend_done *done,
                               void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM);
		return NULL;
	}
	call->done = operation_on_plain;
	call->answer.plain = done;
	call->ctx = ctx;
	return call;
}

struct script_call *operation_lock(struct backend *backend, enum script script, const char *key,
                              backend_lock_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return NULL;
	}
	call->done = on_lock;
	call->answer.lock = done;
	call->ctx = ctx;
	return call;
}

void operation_add_claim(struct script_call *call, const struct lock_claim *claim)
{
	script_call_add_text(call, claim ? claim->id : NULL);
	script_call_add_text(call, claim ? claim->identity : NULL);
}
