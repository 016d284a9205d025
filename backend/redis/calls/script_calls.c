/* Opens and closes the connection for calls, and sends what waited once it is up. */
#include "backend/redis/calls/script_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/replica_wait.h"
#include "backend/redis/calls/script_calls_internal.h"

/* Reports the result of the first attempt at connecting, once. */
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

void calls_reclaim(struct script_calls *calls)
{
	connection_set_up_again(calls->connection);
	calls_end_unconfirmed(calls, -ETIMEDOUT); /* the reclaim restores only what holders were told */
	reclaim_begin(calls->reclaim, calls->connection, calls->handshake, script_calls_grace_ms(calls));
}

static void on_set_up(void *ctx)
{
	struct script_calls *calls = ctx;

	connection_runs_scripts(calls->connection);
	calls->connections++;
	calls->shortest_round_trip_ns = INT64_MAX;
	reclaim_begin(calls->reclaim, calls->connection, calls->handshake, script_calls_grace_ms(calls));
}

static void on_reclaimed(void *ctx, bool has_new_epoch)
{
	struct script_calls *calls = ctx;
	struct script_call *call, *next;

	connection_ready(calls->connection);
	calls_send_held(calls);
	calls_send_undos(calls);
	/* Turns are taken after this loop: a call that cannot be sent ends, which would change the list. */
	calls->taking_turns = true;
	DL_FOREACH_SAFE(calls->pending, call, next)
		if (!call->sent && !call->turn.user)
			call_send_in_turn(call);
	calls->taking_turns = false;
	calls_take_turns(calls);
	if (calls->replica_wait && !calls->closing)
		replica_wait_start(calls->replica_wait);
	if (!calls->closing)
		calls->handlers.on_up(calls->handlers.ctx, has_new_epoch);
	tell_started(calls, 0, NULL);
}

static void on_lost(void *ctx, int status, const char *problem)
{
	struct script_calls *calls = ctx;

	reclaim_on_down(calls->reclaim);
	calls_on_lost(calls);
	calls_end_unconfirmed(calls, calls->closing ? -ESHUTDOWN : -ETIMEDOUT);
	if (!calls->closing)
		calls->handlers.on_down(calls->handlers.ctx, problem);
	if (connection_may_reconnect(calls->connection))
		return;
	calls_finish_waiting(calls, -EHOSTDOWN);
	tell_started(calls, status, problem);
}

void calls_drop_reference(struct script_calls *calls)
{
	if (--calls->references > 0)
		return;
	calls_free_undos(calls);
	calls->handlers.on_freed(calls->handlers.ctx);
	handshake_free(calls->handshake);
	free(calls);
}

static void on_handle_closed(uv_handle_t *handle)
{
	calls_drop_reference(handle->data);
}

static void on_connection_freed(void *ctx)
{
	calls_drop_reference(ctx);
}

struct script_calls *script_calls_new(const struct backend_config *config, const struct redis_url *source,
                        struct tls_context *tls, const char *instance, struct reclaim *reclaim,
                        const struct script_calls_handlers *handlers)
{
	struct script_calls *calls = calloc(1, sizeof(*calls));
	struct connection_handlers connection_owner = {
		.on_connected = on_connected,
		.on_lost = on_lost,
		.on_freed = on_connection_freed,
		.ctx = calls,
	};

	if (!calls)
		return NULL;
	calls->config = *config;
	calls->source = source;
	calls->instance = instance;
	calls->reclaim = reclaim;
	calls->handlers = *handlers;
	calls->turns.most = config->user_calls;
	calls->user_in_reply = BACKEND_NOBODY;
	calls->shortest_round_trip_ns = INT64_MAX;
	calls->handshake = handshake_new(&calls->config, source, instance, on_set_up, calls);
	if (calls->handshake)
		calls->connection = connection_new(config, source, tls, &connection_owner);
	if (!calls->connection) {
		handshake_free(calls->handshake);
		free(calls);
		return NULL;
	}
	reclaim_on_done(reclaim, on_reclaimed, calls);
	calls->references = 6;
	uv_timer_init(config->loop, &calls->deadline);
	uv_timer_init(config->loop, &calls->keepalive);
	uv_timer_init(config->loop, &calls->undo_again);
	uv_timer_init(config->loop, &calls->after_grace);
	uv_timer_init(config->loop, &calls->retry);
	calls->deadline.data = calls;
	calls->keepalive.data = calls;
	calls->undo_again.data = calls;
	calls->after_grace.data = calls;
	calls->retry.data = calls;
	return calls;
}

void script_calls_start(struct script_calls *calls, backend_started *started, void *ctx)
{
	calls->started = started;
	calls->started_ctx = ctx;
	calls_start_keepalive(calls);
	connection_start(calls->connection);
}

void script_calls_check_epoch(struct script_calls *calls, const char *epoch)
{
	if (connection_is_up(calls->connection) && strcmp(reclaim_epoch(calls->reclaim), epoch) != 0)
		calls_reclaim(calls);
}

struct connection *script_calls_connection(const struct script_calls *calls)
{
	return calls->connection;
}

struct connection *script_calls_second_connection(const struct script_calls *calls)
{
	return calls->replica_wait ? replica_wait_connection(calls->replica_wait) : NULL;
}

bool script_calls_are_up(const struct script_calls *calls)
{
	return connection_is_up(calls->connection);
}

int script_calls_send_command(struct script_calls *calls, redisCallbackFn *callback, void *ctx, int argc, const char **argv,
                              const size_t *lengths)
{
	return connection_is_up(calls->connection) ? connection_send(calls->connection, callback, ctx, argc, argv, lengths) :
		-EHOSTDOWN;
}

const struct server_info *script_calls_server(const struct script_calls *calls)
{
	return handshake_server(calls->handshake);
}

void script_calls_stats(const struct script_calls *calls, struct backend_stats *ret)
{
	const struct script_call *call;

	ret->up = script_calls_are_up(calls);
	ret->reconnects = calls->connections > 0 ? calls->connections - 1 : 0;
	ret->round_trips = calls->round_trips;
	ret->round_trip_ns = calls->round_trip_ns;
	DL_FOREACH(calls->pending, call)
		ret->under_way++;
	DL_FOREACH(calls->postponed, call)
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
	uv_close((uv_handle_t *)&calls->after_grace, on_handle_closed);
	uv_close((uv_handle_t *)&calls->retry, on_handle_closed);
}

static void on_last_chance(uv_timer_t *timer)
{
	calls_close_all(timer->data);
}

void script_calls_close(struct script_calls *calls)
{
	calls->closing = true;
	if (calls->replica_wait)
		replica_wait_close(calls->replica_wait);
	/* A release that was called for must reach the server, though nobody waits for the reply. */
	connection_write(calls->connection);
	/* Ends the calls under way. Acquisitions among them become undos. */
	connection_drop(calls->connection, -ESHUTDOWN, "closing");
	calls_end_postponement(calls);
	calls_finish_waiting(calls, -ESHUTDOWN);
	tell_started(calls, -ESHUTDOWN, "it was ended before the server was reached");
	if (calls->undos)
		uv_timer_start(&calls->deadline, on_last_chance, (uint64_t)calls->config.timeout_ms, 0);
	else
		calls_close_all(calls);
}
