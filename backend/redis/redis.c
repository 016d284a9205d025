/*
 * The backend of `redis://…`: opens and closes its parts, and the table of its operations.
 * Locks live in Redis or Valkey, shared by many mounts. Each operation is one script, and so one atomic step
 * for all mounts. README.md shows the parts and the sequences of messages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/net/primary.h"
#include "backend/redis/net/slot.h"
#include "backend/redis/net/tls.h"
#include "backend/redis/notify/lease_scan.h"
#include "backend/redis/notify/subscription.h"
#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/revocation.h"
#include "backend/redis/status/status_query.h"
#include "backend/redis/status/strict.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/registry.h"
#include "backend/util/random_id.h"

static void drop_reference(void *ctx)
{
	struct redis_backend *redis = ctx;

	if (--redis->references > 0)
		return;
	lease_scan_free(redis->lease_scan);
	reclaim_free(redis->reclaim);
	lock_cache_drop_all(&redis->lock_cache);
	early_notices_drop_all(&redis->early_notices);
	tls_context_free(redis->tls);
	redis_url_free(&redis->url);
	free(redis);
}

static void redis_stats(struct backend *backend, struct backend_stats *ret)
{
	const struct redis_backend *redis = redis_of(backend);

	*ret = (struct backend_stats){ .waiting_keys = wait_queue_key_count(redis->wait_queue), .locks = -1 };
	script_calls_stats(redis->calls, ret);
	status_query_stats(redis->status, ret);
	reclaim_stats(redis->reclaim, ret);
}

/* Other mounts answer on the channel of this one. */
static void redis_status(struct backend *backend, backend_status_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);

	status_query_start(redis->status, subscription_is_up(redis->subscription), done, ctx);
}

/* The connection of the calls needs the primary until its end, for the undos. */
static void on_calls_freed(void *ctx)
{
	struct redis_backend *redis = ctx;

	if (redis->primary)
		primary_close(redis->primary);
	drop_reference(redis);
}

static int make_primary(struct redis_backend *redis)
{
	if (redis->url.topology == TOPOLOGY_SERVER)
		return 0;
	redis->primary = primary_new(&redis->config, &redis->url, redis->tls, drop_reference, redis);
	if (!redis->primary)
		return -ENOMEM;
	redis->references++;
	return 0;
}

static int guide_connections(struct redis_backend *redis)
{
	if (!redis->primary)
		return 0;
	if (!subscription_connection(redis->subscription))
		return -ENOMEM;
	primary_guide_calls(redis->primary, script_calls_connection(redis->calls));
	primary_guide_follower(redis->primary, subscription_connection(redis->subscription));
	if (script_calls_second_connection(redis->calls))
		primary_guide_follower(redis->primary, script_calls_second_connection(redis->calls));
	return 0;
}

static int make_parts(struct redis_backend *redis, const struct backend_config *config)
{
	struct script_calls_handlers calls_handlers = {
		.on_up = redis_on_calls_up,
		.on_down = redis_on_calls_down,
		.on_revoked = redis_on_revoked,
		.on_acquire_answered = redis_on_acquire_answered,
		.on_freed = on_calls_freed,
		.ctx = redis,
	};
	struct wait_queue_handlers wait_handlers = { .on_asking = redis_note_generation, .on_acquired = redis_note_acquired, .ctx = redis };
	struct subscription_handlers notify_handlers = {
		.on_message = redis_on_message,
		.on_here = redis_on_here,
		.on_up = redis_on_subscribed,
		.on_down = redis_on_unsubscribed,
		.on_all_events = redis_on_all_events,
		.on_epoch = redis_on_epoch,
		.on_freed = drop_reference,
		.ctx = redis,
	};

	redis->config = *config;
	redis->config.namespace_ = redis->namespace_;
	if (random_id(redis->instance) < 0)
		return -EIO;
	if (make_primary(redis) < 0)
		return -ENOMEM;
	redis->reclaim = reclaim_new(&redis->config, &redis->url, redis->instance, redis_on_holding_lost, redis);
	if (!redis->reclaim)
		return -ENOMEM;
	redis->calls = script_calls_new(&redis->config, &redis->url, redis->tls, redis->instance, redis->reclaim, &calls_handlers);
	if (!redis->calls)
		return -ENOMEM;
	redis->references++;
	if (script_calls_use_replicas(redis->calls, redis->tls) < 0)
		return -ENOMEM;
	redis->status = status_query_new(&redis->config, &redis->url, redis->calls, redis->reclaim);
	if (!redis->status)
		return -ENOMEM;
	redis->references++;
	redis->lease_scan = lease_scan_new(redis->calls);
	if (!redis->lease_scan)
		return -ENOMEM;
	redis->wait_queue = wait_queue_new(&redis->config, redis->calls, &wait_handlers);
	if (!redis->wait_queue)
		return -ENOMEM;
	redis->references++;
	redis->revocations = revocations_new(&redis->config, redis->calls, redis_on_forced, redis);
	if (!redis->revocations)
		return -ENOMEM;
	redis->references++;
	redis->subscription = subscription_new(&redis->config, &redis->url, redis->tls, redis->instance, &notify_handlers);
	if (!redis->subscription)
		return -ENOMEM;
	redis->references++;
	return guide_connections(redis);
}

/* Closes the parts that were made. Each frees itself later; the last one frees this struct. */
static void close_parts(struct redis_backend *redis)
{
	redis->closing = true;
	if (redis->primary)
		primary_forget_followers(redis->primary);
	if (redis->subscription)
		subscription_close(redis->subscription);
	/* First the wait queue, which adds undos to the calls; closing the calls ends what is under way, revocations too. */
	if (redis->wait_queue)
		wait_queue_close(redis->wait_queue, drop_reference, redis);
	if (redis->status)
		status_query_close(redis->status, drop_reference, redis);
	if (redis->calls)
		script_calls_close(redis->calls);
	else if (redis->primary)
		primary_close(redis->primary);
	if (redis->revocations)
		revocations_close(redis->revocations, drop_reference, redis);
}

/* In a cluster, all keys of a namespace must have one hash tag, so that one node has them. */
static int set_namespace(struct redis_backend *redis, const char *name, char problem[BACKEND_PROBLEM_MAX])
{
	bool adds_tag = redis->url.topology == TOPOLOGY_CLUSTER && !slot_has_tag(name);

	if (adds_tag && strpbrk(name, "{}")) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			"namespace=%.100s: in a cluster, braces enclose the hash tag, as in {locks}: close them, or leave them out", name);
		return -EINVAL;
	}
	stpcpy(stpcpy(stpcpy(redis->namespace_, adds_tag ? "{" : ""), name), adds_tag ? "}" : "");
	redis->adds_tag = adds_tag;
	return redis->url.topology == TOPOLOGY_CLUSTER ? slot_guard_init(&redis->url.guard, redis->namespace_) : 0;
}

static int redis_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_backend *redis = calloc(1, sizeof(*redis) + strlen(config->namespace_) + sizeof("{}"));
	int err = -ENOMEM;

	if (!redis)
		goto fail;
	redis->base.ops = &redis_backend_ops;
	redis->references = 1;
	redis->scan = config->scan;
	redis->strict = config->strict;
	redis->timeout_ms = config->timeout_ms;
	redis->on_ended = config->on_ended;
	redis->on_touched = config->on_touched;
	redis->on_notice = config->on_notice;
	redis->on_touched_all = config->on_touched_all;
	redis->ctx = config->ctx;
	err = redis_url_parse(config->source, config->password, &redis->url, problem);
	if (err == 0)
		err = set_namespace(redis, config->namespace_, problem);
	if (err == 0 && redis->url.tls)
		err = tls_context_new(config, &redis->tls, problem);
	if (err < 0)
		goto fail;
	err = make_parts(redis, config);
	if (err < 0)
		goto fail;
	drop_reference(redis);
	*ret = &redis->base;
	return 0;
fail:
	if (err == -ENOMEM || err == -EIO)
		snprintf(problem, BACKEND_PROBLEM_MAX, "cannot set up the connection to Redis: %s", strerror(-err));
	if (redis) {
		close_parts(redis);
		drop_reference(redis);
	}
	return err;
}

static void report_tag(const struct redis_backend *redis)
{
	char line[BACKEND_PROBLEM_MAX];

	snprintf(line, sizeof(line), "in the cluster, the namespace is called %.150s, so that one node has all its keys", redis->namespace_);
	if (redis->adds_tag && redis->on_notice)
		redis->on_notice(redis->ctx, line);
}

static void on_first_subscribed(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	redis->is_started = status == 0;
	if (redis->is_started)
		report_tag(redis);
	redis->started(redis->started_ctx, status, problem);
}

/* Refuses a server that a strict mount must not use. */
static void on_first_checked(void *ctx, int status, const struct backend_status *answer)
{
	struct redis_backend *redis = ctx;
	char problem[BACKEND_PROBLEM_MAX];

	if (status < 0)
		redis->started(redis->started_ctx, status, strerror(-status));
	else if (!answer->up)
		redis->started(redis->started_ctx, -EHOSTDOWN, answer->away_cause);
	else if (!strict_accepts(status_query_record(redis->status), problem))
		redis->started(redis->started_ctx, -EPROTONOSUPPORT, problem);
	else
		subscription_start(redis->subscription, on_first_subscribed, redis);
}

static void on_first_up(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	if (status < 0)
		redis->started(redis->started_ctx, status, problem);
	else if (redis->strict)
		status_query_start(redis->status, false, on_first_checked, redis);
	else
		subscription_start(redis->subscription, on_first_subscribed, redis);
}

static void redis_start(struct backend *backend, backend_started *started, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);

	redis->started = started;
	redis->started_ctx = ctx;
	if (redis->primary)
		primary_start(redis->primary);
	script_calls_start(redis->calls, on_first_up, redis);
}

static void redis_close(struct backend *backend)
{
	close_parts(redis_of(backend));
}

static const char *const schemes[] = {
	"redis", "rediss", "redis+unix", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster", NULL
};

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
	.set_permissions = redis_set_permissions,
	.bind = redis_bind,
	.listen = redis_listen,
	.publish = redis_publish,
	.watch = redis_watch,
	.stats = redis_stats,
	.status = redis_status,
	.read_cached = redis_read_cached,
	.read = redis_read,
	.write = redis_write,
	.truncate = redis_truncate,
	.list = redis_list,
	.make_dir = redis_make_dir,
	.remove_dir = redis_remove_dir,
	.configure_dir = redis_configure_dir,
};
