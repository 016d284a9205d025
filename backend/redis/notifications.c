/*
 * What comes without being asked for: messages of the server, and the loss and return of the two connections.
 * After a loss, messages may have been missed, so the cache is dropped and every ticket is sent again.
 */
#include <stdio.h>

#include "backend/redis/notify/lease_scan.h"
#include "backend/redis/notify/subscription.h"
#include "backend/redis/redis_backend.h"
#include "backend/redis/revocation.h"
#include "backend/redis/status/status_query.h"
#include "backend/redis/status/strict.h"
#include "backend/redis/waiting/wait_queue.h"

/* Confirms a REVOKE once the holder was stopped (by on_ended), or if this mount has no such holder. */
static void confirm_revocation(struct redis_backend *redis, const struct message *message)
{
	if (message->kind == MESSAGE_REVOKE)
		revocations_confirm(redis->calls, message->key, message->token);
}

static void on_end(struct redis_backend *redis, const struct message *message)
{
	redis_report_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	/* If an acquisition of this key is under way, its reply says whether this mount has that holding. */
	if (script_calls_is_acquiring(redis->calls, message->key) && early_notices_add(&redis->early_notices, message) == 0)
		return;
	confirm_revocation(redis, message);
}

static void dispatch(struct redis_backend *redis, const struct message *message)
{
	if (message->kind != MESSAGE_GRANT && message->kind != MESSAGE_WHO)
		lock_cache_drop(&redis->lock_cache, message->key);
	switch (message->kind) {
	case MESSAGE_GRANT:
		wait_queue_on_grant(redis->wait_queue, message->nonce);
		break;
	case MESSAGE_TOUCH:
		if (redis->on_touched)
			redis->on_touched(redis->ctx, message->token);
		break;
	case MESSAGE_ENDED:
	case MESSAGE_GONE:
	case MESSAGE_REVOKE:
		on_end(redis, message);
		break;
	case MESSAGE_FREED:
		revocations_on_freed(redis->revocations, message->key, message->token);
		break;
	case MESSAGE_WHO:
		status_query_on_who(redis->status, message->token, message->key);
		break;
	}
}

void redis_on_message(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	script_calls_set_in_message(redis->calls, true);
	dispatch(redis, message);
	script_calls_set_in_message(redis->calls, false);
}

void redis_on_here(void *ctx, const struct mount_here *here)
{
	const struct redis_backend *redis = ctx;

	status_query_on_here(redis->status, here);
}

static void notice(const struct redis_backend *redis, const char *line)
{
	if (redis->on_notice)
		redis->on_notice(redis->ctx, line);
}

/* A failed attempt during the start is reported by `started` alone. */
static void report_outage(struct redis_backend *redis, const char *problem)
{
	if (redis->is_started && !redis->closing && *problem && outage_add(&redis->outage, problem))
		notice(redis, problem);
}

/* The server counts as back once both connections are up. */
static void report_recovery(struct redis_backend *redis)
{
	char line[BACKEND_PROBLEM_MAX];

	if (redis->closing || !script_calls_are_up(redis->calls) || !subscription_is_up(redis->subscription) ||
		!outage_end(&redis->outage))
		return;
	snprintf(line, sizeof(line), "%s is reached again", redis->url.name);
	notice(redis, line);
}

/* Messages before this moment may have been missed. */
void redis_on_subscribed(void *ctx)
{
	struct redis_backend *redis = ctx;

	report_recovery(redis);
	lock_cache_drop_all(&redis->lock_cache);
	wait_queue_resend(redis->wait_queue);
	if (redis->on_touched_all)
		redis->on_touched_all(redis->ctx);
}

void redis_on_unsubscribed(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	lock_cache_drop_all(&redis->lock_cache);
	report_outage(redis, problem);
}

/* A mount that is strict goes on if the server changes to one that it would refuse, and says so. */
static void on_checked(void *ctx, int status, const struct backend_status *answer)
{
	const struct redis_backend *redis = ctx;
	char problem[BACKEND_PROBLEM_MAX];

	if (status == 0 && answer->up && !redis->closing && !strict_accepts(status_query_record(redis->status), problem))
		notice(redis, problem);
}

void redis_on_calls_up(void *ctx, bool has_new_epoch)
{
	struct redis_backend *redis = ctx;

	report_recovery(redis);
	status_query_on_up(redis->status);
	if (redis->strict && redis->is_started)
		status_query_start(redis->status, false, on_checked, redis);
	if (has_new_epoch)
		lock_cache_drop_all(&redis->lock_cache);
	wait_queue_resend(redis->wait_queue);
	lease_scan_start_again(redis->lease_scan);
	if (has_new_epoch && redis->on_touched_all)
		redis->on_touched_all(redis->ctx);
}

void redis_on_epoch(void *ctx, const char *epoch)
{
	struct redis_backend *redis = ctx;

	script_calls_check_epoch(redis->calls, epoch);
}

void redis_on_holding_lost(void *ctx, const char *key, uint64_t token)
{
	const struct redis_backend *redis = ctx;

	redis_report_ended(redis, key, token, true);
}

static void on_early_notice(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	redis_report_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	confirm_revocation(redis, message);
}

void redis_on_revoked(void *ctx, const char *key, uint64_t token)
{
	const struct redis_backend *redis = ctx;

	redis_report_ended(redis, key, token, true);
	revocations_confirm(redis->calls, key, token);
}

void redis_on_acquire_answered(void *ctx, const char *key)
{
	struct redis_backend *redis = ctx;

	if (redis->early_notices.first && !script_calls_is_acquiring(redis->calls, key))
		early_notices_deliver(&redis->early_notices, key, on_early_notice, redis);
}

void redis_on_calls_down(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	report_outage(redis, problem);
	status_query_on_down(redis->status, problem);
	wait_queue_on_down(redis->wait_queue);
	/* If this connection was silent, that of the subscription may be dead, too, without a sign. */
	subscription_renew(redis->subscription);
}

bool redis_listen(struct backend *backend, enum listen_extent extent)
{
	struct redis_backend *redis = redis_of(backend);

	/* The scan goes on after LISTEN_NOT, which often lasts for a moment only; the next listener gets what it finds. */
	if (extent == LISTEN_EVENTS)
		lease_scan_stop(redis->lease_scan);
	return subscription_want(redis->subscription, extent);
}

void redis_on_all_events(void *ctx)
{
	struct redis_backend *redis = ctx;

	lease_scan_start(redis->lease_scan);
}
