#include "backend/redis/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/errors.h"
#include "backend/redis/leases.h"
#include "backend/redis/reply.h"

/* Listening often stops and starts again; the connection waits so long for that. */
#define LINGER_MS 5000

#define ATTEMPT_MS 1000

struct listener {
	struct backend_config config;
	const struct redis_source *source;
	struct tls_context *tls;
	struct connection *connection; /* NULL: nobody listens */
	struct leases leases;
	uv_timer_t linger;
	bool closing;
	unsigned int users; /* of this memory: the timer, the leases, connections */
	void (*freed)(void *ctx);
	void *ctx;
	char channel[];
};

static void drop_user(struct listener *listener)
{
	if (--listener->users > 0)
		return;
	listener->freed(listener->ctx);
	free(listener);
}

static void on_message(redisAsyncContext *context, void *data, void *ctx)
{
	enum { KIND, CHANNEL, PAYLOAD, COUNT };
	struct listener *listener = ctx;
	const redisReply *reply = data;
	struct lock_event event;
	char problem[BACKEND_PROBLEM_MAX];

	(void)context;
	if (!reply || !listener->connection)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		server_error_print(listener->source->name, reply->str, problem, sizeof(problem));
		connection_drop(listener->connection, server_error_find(reply->str)->status, problem);
		return;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != COUNT || !reply->element[KIND]->str)
		return;
	if (strcmp(reply->element[KIND]->str, "subscribe") == 0) {
		connection_settled(listener->connection);
		if (listener->config.on_gap)
			listener->config.on_gap(listener->config.ctx);
	} else if (reply->element[PAYLOAD]->str && reply_event(reply->element[PAYLOAD]->str, &event) == 0) {
		leases_tell(&listener->leases, &event);
	}
}

static void on_connected(void *ctx)
{
	struct listener *listener = ctx;
	const char *argv[] = { "SUBSCRIBE", listener->channel };
	const size_t lengths[] = { strlen(argv[0]), strlen(argv[1]) };
	int err = connection_send(listener->connection, on_message, listener, 2, argv, lengths);

	if (err < 0)
		connection_drop(listener->connection, err, strerror(-err));
}

static void on_lost(void *ctx, int status, const char *problem)
{
	struct listener *listener = ctx;

	/* It comes back by itself, and tells of the gap then; people hear of it from the other connection. */
	(void)status;
	(void)problem;
	leases_forget(&listener->leases);
}

static void on_connection_freed(void *ctx)
{
	drop_user(ctx);
}

static void open_connection(struct listener *listener)
{
	struct connection_owner owner = {
		.connected = on_connected,
		.lost = on_lost,
		.freed = on_connection_freed,
		.ctx = listener,
	};

	listener->connection = connection_new(listener->config.loop, listener->source, listener->tls, ATTEMPT_MS,
		&owner);
	if (!listener->connection)
		return; /* the next one who wants it tries again */
	listener->users++;
	connection_start(listener->connection);
}

static void close_connection(struct listener *listener)
{
	struct connection *connection = listener->connection;

	listener->connection = NULL;
	if (!connection)
		return;
	connection_close(connection);
	leases_forget(&listener->leases);
}

static void on_linger(uv_timer_t *timer)
{
	close_connection(timer->data);
}

void listener_want(struct listener *listener, bool wanted)
{
	if (listener->closing)
		return;
	if (!wanted) {
		uv_timer_start(&listener->linger, on_linger, LINGER_MS, 0);
		return;
	}
	uv_timer_stop(&listener->linger);
	if (!listener->connection)
		open_connection(listener);
	else if (connection_is_up(listener->connection) && listener->config.on_gap)
		listener->config.on_gap(listener->config.ctx);
}

struct listener *listener_new(const struct backend_config *config, const struct redis_source *source,
                              struct tls_context *tls, void (*freed)(void *ctx), void *ctx)
{
	static const char suffix[] = "#ev";
	struct listener *listener = calloc(1, sizeof(*listener) + strlen(config->namespace_) + sizeof(suffix));

	if (!listener)
		return NULL;
	if (leases_init(&listener->leases, config) < 0) {
		free(listener);
		return NULL;
	}
	listener->config = *config;
	listener->source = source;
	listener->tls = tls;
	listener->freed = freed;
	listener->ctx = ctx;
	listener->users = 2;
	stpcpy(stpcpy(listener->channel, config->namespace_), suffix);
	uv_timer_init(config->loop, &listener->linger);
	listener->linger.data = listener;
	return listener;
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

void listener_close(struct listener *listener)
{
	listener->closing = true;
	close_connection(listener);
	leases_close(&listener->leases, on_handle_closed, listener);
	uv_close((uv_handle_t *)&listener->linger, on_handle_closed);
}
