/*
 * The backend of `redis://…`: locks in Redis or Valkey, which many mounts share.
 * Each call is one script (scripts.h); script_call.c carries it there and back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/net/tls.h"
#include "backend/redis/notify/lease_scan.h"
#include "backend/redis/notify/subscription.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/revocation.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/registry.h"

static void drop_user(void *ctx)
{
	struct redis_backend *redis = ctx;

	if (--redis->users > 0)
		return;
	lease_scan_free(redis->lease_scan);
	lock_cache_drop_all(&redis->fresh);
	early_notices_drop_all(&redis->early);
	tls_context_free(redis->tls);
	redis_url_free(&redis->source);
	free(redis);
}

static void redis_stats(struct backend *backend, struct backend_stats *ret)
{
	const struct redis_backend *redis = redis_of(backend);

	*ret = (struct backend_stats){ .waited_for = wait_queue_key_count(redis->tickets), .locks = -1 };
	script_calls_stats(redis->calls, ret);
}

static int make_parts(struct redis_backend *redis, const struct backend_config *config)
{
	struct backend_config own = *config;
	struct script_calls_handlers script_calls_owner = {
		.reached = redis_on_calls_up,
		.lost = redis_on_calls_down,
		.acquired = redis_on_acquire_answered,
		.freed = drop_user,
		.ctx = redis,
	};
	struct wait_queue_handlers wait_queue_owner = { .asking = redis_note_generation, .acquired = redis_cache_acquired, .ctx = redis };
	struct subscription_handlers subscription_owner = {
		.told = redis_on_message,
		.listening = redis_on_subscribed,
		.deaf = redis_on_unsubscribed,
		.hears = redis_on_all_events,
		.freed = drop_user,
		.ctx = redis,
	};

	own.namespace_ = redis->namespace_;
	if (make_nonce(redis->mount) < 0)
		return -EIO;
	redis->calls = script_calls_new(&own, &redis->source, redis->tls, redis->mount, &script_calls_owner);
	if (!redis->calls)
		return -ENOMEM;
	redis->users++;
	redis->lease_scan = lease_scan_new(redis->calls);
	if (!redis->lease_scan)
		return -ENOMEM;
	redis->tickets = wait_queue_new(&own, redis->calls, &wait_queue_owner);
	if (!redis->tickets)
		return -ENOMEM;
	redis->users++;
	redis->revocations = revocations_new(&own, redis->calls);
	if (!redis->revocations)
		return -ENOMEM;
	redis->users++;
	redis->subscription = subscription_new(&own, &redis->source, redis->tls, redis->mount, &subscription_owner);
	if (!redis->subscription)
		return -ENOMEM;
	redis->users++;
	return 0;
}

/* Ends those that were made. Each frees itself, and this struct with the last. */
static void close_parts(struct redis_backend *redis)
{
	redis->closing = true;
	if (redis->subscription)
		subscription_close(redis->subscription);
	/* The tickets tell the calls what to take back, and what is still under way is answered by these. */
	if (redis->tickets)
		wait_queue_close(redis->tickets, drop_user, redis);
	if (redis->calls)
		script_calls_close(redis->calls);
	if (redis->revocations)
		revocations_close(redis->revocations, drop_user, redis);
}

static int redis_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_backend *redis = calloc(1, sizeof(*redis) + strlen(config->namespace_) + 1);
	int err = -ENOMEM;

	if (!redis)
		goto fail;
	redis->base.ops = &redis_backend_ops;
	redis->users = 1;
	redis->scan = config->scan;
	redis->timeout_ms = config->timeout_ms;
	redis->on_ended = config->on_ended;
	redis->on_touched = config->on_touched;
	redis->on_notice = config->on_notice;
	redis->on_touched_all = config->on_touched_all;
	redis->ctx = config->ctx;
	stpcpy(redis->namespace_, config->namespace_);
	err = redis_url_parse(config->source, config->password, &redis->source, problem);
	if (err == 0 && redis->source.tls)
		err = tls_context_new(config, redis->source.host, &redis->tls, problem);
	if (err < 0)
		goto fail;
	err = make_parts(redis, config);
	if (err < 0)
		goto fail;
	drop_user(redis);
	*ret = &redis->base;
	return 0;
fail:
	if (err == -ENOMEM || err == -EIO)
		snprintf(problem, BACKEND_PROBLEM_MAX, "cannot set up the connection to Redis: %s", strerror(-err));
	if (redis) {
		close_parts(redis);
		drop_user(redis);
	}
	return err;
}

static void on_first_listening(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	redis->is_started = status == 0;
	redis->started(redis->started_ctx, status, problem);
}

static void on_reached(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	if (status < 0)
		redis->started(redis->started_ctx, status, problem);
	else
		subscription_start(redis->subscription, on_first_listening, redis);
}

static void redis_start(struct backend *backend, backend_started *started, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);

	redis->started = started;
	redis->started_ctx = ctx;
	script_calls_start(redis->calls, on_reached, redis);
}

static void redis_close(struct backend *backend)
{
	close_parts(redis_of(backend));
}

static const char *const schemes[] = { "redis", "rediss", "redis+unix", NULL };

const struct backend_ops redis_backend_ops = {
	.schemes = schemes,
	.open = redis_open,
	.start = redis_start,
	.close = redis_close,
	.acquire = redis_acquire,
	.cancel = redis_cancel,
	.release = redis_release,
	.give_back = redis_give_back,
	.refresh = redis_refresh,
	.bind = redis_bind,
	.listen = redis_listen,
	.tell = redis_tell,
	.watch = redis_watch,
	.stats = redis_stats,
	.read_cached = redis_read_cached,
	.read = redis_read,
	.write = redis_write,
	.truncate = redis_truncate,
	.list = redis_list,
	.make_dir = redis_make_dir,
	.remove_dir = redis_remove_dir,
	.configure_dir = redis_configure_dir,
};
