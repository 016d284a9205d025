/*
 * Keepalive: pings the server after 30 s of silence, so that a dead connection is found and replaced before the
 * next call needs it.
 */
#include "backend/redis/calls/script_calls_internal.h"
#include "backend/util/clock.h"

#define KEEPALIVE_MS 30000 /* 30 s */

static void on_keepalive(uv_timer_t *timer);

static void arm_keepalive(struct script_calls *calls, int64_t ms)
{
	if (!calls->closing)
		uv_timer_start(&calls->keepalive, on_keepalive, ms > 0 ? (uint64_t)ms : 1, 0);
}

static void on_pong(redisAsyncContext *context, void *reply, void *ctx)
{
	struct script_calls *calls = ctx;

	(void)context;
	calls->ping_unanswered = false;
	if (reply)
		arm_keepalive(calls, KEEPALIVE_MS);
}

static void on_keepalive(uv_timer_t *timer)
{
	static const char *ping[] = { "PING" };
	static const size_t ping_length[] = { 4 };
	struct script_calls *calls = timer->data;
	int64_t idle_ms = (boot_ns() - calls->last_sent_ns) / NS_PER_MS;

	if (calls->ping_unanswered) {
		calls->ping_unanswered = false;
		calls_drop_silent(calls);
	} else if (idle_ms < KEEPALIVE_MS) {
		arm_keepalive(calls, KEEPALIVE_MS - idle_ms);
		return;
	} else if (connection_is_up(calls->connection) &&
		connection_send(calls->connection, on_pong, calls, 1, ping, ping_length) == 0) {
		calls->ping_unanswered = true;
		arm_keepalive(calls, calls->config.timeout_ms);
		return;
	}
	arm_keepalive(calls, KEEPALIVE_MS);
}

void calls_start_keepalive(struct script_calls *calls)
{
	arm_keepalive(calls, KEEPALIVE_MS);
}
