#include <stdio.h>

#include "backend/redis/notify/lease_scan.h"
#include "backend/redis/notify/subscription.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/revocation.h"
#include "backend/redis/waiting/wait_queue.h"

/* Its holder has been told, or there is none here. */
static void obey(struct redis_backend *redis, const struct message *message)
{
	if (message->kind == MESSAGE_REVOKE)
		revocations_confirm(redis->calls, message->key, message->token);
}

static void tell_end(struct redis_backend *redis, const struct message *message)
{
	redis_report_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	/* Where it is not known yet that this mount holds it, nobody was told, and the answer tells more. */
	if (script_calls_is_acquiring(redis->calls, message->key) && early_notices_add(&redis->early, message) == 0)
		return;
	obey(redis, message);
}

static void take_message(struct redis_backend *redis, const struct message *message)
{
	if (message->kind != MESSAGE_GRANT)
		lock_cache_drop(&redis->fresh, message->key);
	switch (message->kind) {
	case MESSAGE_GRANT:
		wait_queue_on_grant(redis->tickets, message->nonce);
		break;
	case MESSAGE_TOUCH:
		if (redis->on_touched)
			redis->on_touched(redis->ctx, message->token);
		break;
	case MESSAGE_ENDED:
	case MESSAGE_GONE:
	case MESSAGE_REVOKE:
		tell_end(redis, message);
		break;
	case MESSAGE_FREED:
		revocations_on_freed(redis->revocations, message->key, message->token);
		break;
	}
}

void redis_on_message(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	script_calls_set_in_message(redis->calls, true);
	take_message(redis, message);
	script_calls_set_in_message(redis->calls, false);
}

static void notice(const struct redis_backend *redis, const char *line)
{
	if (redis->on_notice)
		redis->on_notice(redis->ctx, line);
}

/* An attempt at connecting that fails at the start is told by `started`. */
static void tell_outage(struct redis_backend *redis, const char *problem)
{
	if (redis->is_started && !redis->closing && *problem && outage_add(&redis->outage, problem))
		notice(redis, problem);
}

/* The server is back when both connections are. */
static void tell_recovery(struct redis_backend *redis)
{
	char line[BACKEND_PROBLEM_MAX];

	if (redis->closing || !script_calls_are_up(redis->calls) || !subscription_is_up(redis->subscription) ||
		!outage_end(&redis->outage))
		return;
	snprintf(line, sizeof(line), "%s is reached again", redis->source.name);
	notice(redis, line);
}

/* What was told before, nobody heard. */
void redis_on_subscribed(void *ctx)
{
	struct redis_backend *redis = ctx;

	tell_recovery(redis);
	lock_cache_drop_all(&redis->fresh);
	wait_queue_ask_again(redis->tickets);
	if (redis->on_touched_all)
		redis->on_touched_all(redis->ctx);
}

void redis_on_unsubscribed(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	lock_cache_drop_all(&redis->fresh);
	tell_outage(redis, problem);
}

void redis_on_calls_up(void *ctx)
{
	struct redis_backend *redis = ctx;

	tell_recovery(redis);
	wait_queue_ask_again(redis->tickets);
	lease_scan_start_again(redis->lease_scan);
}

static void tell_early(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	redis_report_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	obey(redis, message);
}

void redis_on_acquire_answered(void *ctx, const char *key)
{
	struct redis_backend *redis = ctx;

	if (redis->early.first && !script_calls_is_acquiring(redis->calls, key))
		early_notices_deliver(&redis->early, key, tell_early, redis);
}

void redis_on_calls_down(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	tell_outage(redis, problem);
	wait_queue_on_down(redis->tickets);
	/* Where this one is silent, the other may only seem to be alive. */
	subscription_renew(redis->subscription);
}

bool redis_listen(struct backend *backend, enum listen_extent extent)
{
	struct redis_backend *redis = redis_of(backend);

	/* Where nobody listens for a moment only, the next one is told of what it goes on to find. */
	if (extent == LISTEN_EVENTS)
		lease_scan_stop(redis->lease_scan);
	return subscription_want(redis->subscription, extent);
}

void redis_on_all_events(void *ctx)
{
	struct redis_backend *redis = ctx;

	lease_scan_start(redis->lease_scan);
}
