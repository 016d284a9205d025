#include <errno.h>

#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_lock.h"

/* A script's answer that is none of ours is the server's fault. */
int operation_status(int status)
{
	return status == -EPROTO ? -EIO : status;
}

/*
 * Whatever a call did, the lock is not what it was. What was kept is dropped when
 * it is sent and again when it is done, as another answer may come in between.
 */
void operation_drop_cached(struct script_call *call)
{
	struct redis_backend *redis = call->owner;

	lock_cache_drop(&redis->fresh, call->key);
}

void operation_start_change(struct redis_backend *redis, struct script_call *call)
{
	call->owner = redis;
	operation_drop_cached(call);
	script_call_start(call);
}

void operation_done_plain(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)reply;
	(void)age_ms;
	operation_drop_cached(call);
	call->answer.plain(call->ctx, operation_status(status));
}

static void done_lock(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct lock lock;

	operation_drop_cached(call);
	if (status == 0)
		status = reply_lock(reply, call->key, age_ms, &lock);
	call->answer.lock(call->ctx, operation_status(status), status == 0 ? &lock : NULL);
}

/* A call that is answered by a status alone; NULL: it was answered, as there is no memory. */
struct script_call *operation_plain(struct backend *backend, enum script script, const char *key, backend_done *done,
                               void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM);
		return NULL;
	}
	call->done = operation_done_plain;
	call->answer.plain = done;
	call->ctx = ctx;
	return call;
}

/* Likewise one that is answered by a lock. */
struct script_call *operation_lock(struct backend *backend, enum script script, const char *key,
                              backend_lock_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return NULL;
	}
	call->done = done_lock;
	call->answer.lock = done;
	call->ctx = ctx;
	return call;
}

void operation_add_claim(struct script_call *call, const struct lock_claim *claim)
{
	script_call_add_text(call, claim ? claim->id : NULL);
	script_call_add_text(call, claim ? claim->identity : NULL);
}
