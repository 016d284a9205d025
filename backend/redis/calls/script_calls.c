#include "backend/redis/calls/script_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/script_calls_internal.h"

/* Tells how the first attempt at connecting went, once. */
static void tell_started(struct script_calls *calls, int status, const char *problem)
{
	backend_started *started = calls->started;

	calls->started = NULL;
	if (started)
		started(calls->started_ctx, status, problem);
}

static void on_connected(void *ctx)
{
	struct script_calls *calls = ctx;

	calls->ping_unanswered = false;
	handshake_begin(calls->handshake, calls->connection);
}

static void on_set_up(void *ctx)
{
	struct script_calls *calls = ctx;
	struct script_call *call, *next;

	connection_ready(calls->connection);
	calls->connections++;
	calls->shortest_ns = INT64_MAX;
	calls_send_undos(calls);
	/* Only afterwards, as one that cannot be sent is over. */
	calls->taking_turns = true;
	DL_FOREACH_SAFE(calls->under_way, call, next)
		if (!call->sent && !call->turn.user)
			call_send_in_turn(call);
	calls->taking_turns = false;
	calls_take_turns(calls);
	if (!calls->closing)
		calls->owner.reached(calls->owner.ctx);
	tell_started(calls, 0, NULL);
}

static void on_lost(void *ctx, int status, const char *problem)
{
	struct script_calls *calls = ctx;

	if (!calls->closing)
		calls->owner.lost(calls->owner.ctx, problem);
	if (!connection_may_reconnect(calls->connection))
		calls_finish_waiting(calls, -EHOSTDOWN);
	tell_started(calls, status, problem);
}

static void drop_user(struct script_calls *calls)
{
	if (--calls->users > 0)
		return;
	calls_free_undos(calls);
	calls->owner.freed(calls->owner.ctx);
	handshake_free(calls->handshake);
	free(calls);
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

static void on_connection_freed(void *ctx)
{
	drop_user(ctx);
}

struct script_calls *script_calls_new(const struct backend_config *config, const struct redis_url *source,
                        struct tls_context *tls, const char *mount, const struct script_calls_handlers *owner)
{
	struct script_calls *calls = calloc(1, sizeof(*calls));
	struct connection_handlers connection_owner = {
		.connected = on_connected,
		.lost = on_lost,
		.freed = on_connection_freed,
		.ctx = calls,
	};

	if (!calls)
		return NULL;
	calls->config = *config;
	calls->source = source;
	calls->mount = mount;
	calls->owner = *owner;
	calls->turns.most = config->user_calls;
	calls->answered = BACKEND_NOBODY;
	calls->shortest_ns = INT64_MAX;
	calls->handshake = handshake_new(&calls->config, source, mount, on_set_up, calls);
	if (calls->handshake)
		calls->connection = connection_new(config, source, tls, &connection_owner);
	if (!calls->connection) {
		handshake_free(calls->handshake);
		free(calls);
		return NULL;
	}
	calls->users = 4;
	uv_timer_init(config->loop, &calls->deadline);
	uv_timer_init(config->loop, &calls->keepalive);
	uv_timer_init(config->loop, &calls->undo_again);
	calls->deadline.data = calls;
	calls->keepalive.data = calls;
	calls->undo_again.data = calls;
	return calls;
}

void script_calls_start(struct script_calls *calls, backend_started *started, void *ctx)
{
	calls->started = started;
	calls->started_ctx = ctx;
	calls_start_keepalive(calls);
	connection_start(calls->connection);
}

bool script_calls_are_up(const struct script_calls *calls)
{
	return connection_is_up(calls->connection);
}

void script_calls_stats(const struct script_calls *calls, struct backend_stats *ret)
{
	const struct script_call *call;

	ret->up = script_calls_are_up(calls);
	ret->reconnects = calls->connections > 0 ? calls->connections - 1 : 0;
	ret->round_trips = calls->answers;
	ret->round_trip_ns = calls->answers_ns;
	DL_FOREACH(calls->under_way, call)
		ret->under_way++;
}

void calls_close_all(struct script_calls *calls)
{
	if (calls->closed)
		return;
	calls->closed = true;
	connection_close(calls->connection);
	uv_close((uv_handle_t *)&calls->deadline, on_handle_closed);
	uv_close((uv_handle_t *)&calls->keepalive, on_handle_closed);
	uv_close((uv_handle_t *)&calls->undo_again, on_handle_closed);
}

static void on_last_chance(uv_timer_t *timer)
{
	calls_close_all(timer->data);
}

void script_calls_close(struct script_calls *calls)
{
	calls->closing = true;
	/* A release that was asked for shall reach the server, though nobody waits for the answer. */
	connection_write(calls->connection);
	/* Answers what is under way, and so tells which acquisitions are to be undone. */
	connection_drop(calls->connection, -ESHUTDOWN, "closing");
	calls_finish_waiting(calls, -ESHUTDOWN);
	tell_started(calls, -ESHUTDOWN, "it was ended before the server was reached");
	if (calls->undos)
		uv_timer_start(&calls->deadline, on_last_chance, (uint64_t)calls->config.timeout_ms, 0);
	else
		calls_close_all(calls);
}
