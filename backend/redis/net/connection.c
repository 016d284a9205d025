#include "backend/redis/net/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/backoff.h"
#include "backend/redis/net/break_reason.h"
#include "backend/redis/net/greeting.h"
#include "backend/redis/net/reply_guard.h"
#include "backend/redis/net/resolver.h"
#include "backend/redis/net/server_error.h"
#include "backend/redis/net/tcp_keepalive.h"
#include "backend/redis/net/tls.h"
#include "backend/redis/net/uv_adapter.h"

/*
 * An attempt may go on for this long without an answer, so that a server that is back is
 * found soon. Each answer counts, because a machine without time for the daemon would end
 * attempt after attempt otherwise.
 */
#define ATTEMPT_MAX_MS 1000

enum connection_state {
	PAUSING,    /* until the timer starts an attempt */
	RESOLVING,
	CONNECTING, /* to one of the addresses, and greeting the server there */
	CONNECTED,  /* the owner sets up what it needs */
	SETTLED,
	CLOSED,
};

struct connection {
	uv_loop_t *loop;
	const struct redis_url *source;
	struct tls_context *tls;
	struct connection_handlers owner;
	enum connection_state state;
	redisAsyncContext *context; /* NULL while there is none */
	struct reply_guard guard;         /* of that */
	uv_timer_t timer;           /* ends the pause, or the attempt */
	struct resolver resolver;
	int64_t attempt_ms;    /* without an answer; of the first attempt all of the timeout, as its end is a mount's */
	struct backoff backoff; /* pauses between attempts */
	bool reached;          /* something answered in this attempt */
	bool tls_begun;        /* on this context */
	bool failed;           /* there is no telling when it is up again */
	unsigned int greetings; /* replies still wanted before it is connected */
	unsigned int users;    /* of this memory: the timer, a resolver under way */
	size_t address; /* of the resolver's */
};

static void on_timer(uv_timer_t *timer);
static void try_address(struct connection *connection);

/* The end of an attempt or a connection */

static void drop_user(struct connection *connection)
{
	if (--connection->users > 0)
		return;
	connection->owner.freed(connection->owner.ctx);
	free(connection);
}

static void on_timer_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

static void discard_context(struct connection *connection)
{
	redisAsyncContext *context = connection->context;

	connection->context = NULL;
	if (context)
		redisAsyncFree(context);
}

static void pause_attempts(struct connection *connection)
{
	connection->state = PAUSING;
	if (connection->attempt_ms > ATTEMPT_MAX_MS)
		connection->attempt_ms = ATTEMPT_MAX_MS;
	uv_timer_start(&connection->timer, on_timer, backoff_next_ms(&connection->backoff), 0);
}

static void lose(struct connection *connection, int status, const char *problem)
{
	if (connection->state == CLOSED || connection->state == PAUSING)
		return;
	/* One that broke is made anew at once; one that does not answer will not do so at once either. */
	if (connection->state != SETTLED || status == -ETIMEDOUT)
		connection->failed = true;
	pause_attempts(connection);
	discard_context(connection);
	connection->owner.lost(connection->owner.ctx, status, problem);
}

void connection_drop(struct connection *connection, int status, const char *problem)
{
	lose(connection, status, problem);
}

/* Loses it with what a server or the system said. */
static void lose_because(struct connection *connection, int status, const char *why)
{
	bool by_tls = connection->tls && connection->reached && connection->state != SETTLED;
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "cannot reach %s: %s%s", connection->source->name, why,
		by_tls ? break_certificate_advice(connection->tls, why) : "");
	lose(connection, status, problem);
}

/* Loses it because of an error that the server answered. */
static void lose_by_refusal(struct connection *connection, const char *text)
{
	char problem[BACKEND_PROBLEM_MAX];

	server_error_print(connection->source->name, text, problem, sizeof(problem));
	lose(connection, server_error_find(text)->status, problem);
}

/* Greeting: who we are, and which database */

static void greeted(struct connection *connection)
{
	connection->state = CONNECTED;
	connection->owner.connected(connection->owner.ctx);
}

static void on_greeting(redisAsyncContext *context, void *data, void *ctx)
{
	struct connection *connection = ctx;
	const redisReply *reply = data;

	if (!reply || connection->context != context)
		return; /* the loss is told elsewhere */
	if (reply->type == REDIS_REPLY_ERROR) {
		lose_by_refusal(connection, reply->str);
		return;
	}
	connection_progressed(connection);
	if (--connection->greetings == 0)
		greeted(connection);
}

static void greet(struct connection *connection)
{
	int sent = greeting_send(connection->context, connection->source, on_greeting, connection);

	if (sent < 0) {
		lose_because(connection, sent, strerror(-sent));
		return;
	}
	connection->greetings = (unsigned int)sent;
	if (sent == 0)
		greeted(connection);
}

/* Connecting */

static const char *describe_break(const struct connection *connection, const redisAsyncContext *context)
{
	return break_describe(context, &connection->guard, connection->tls != NULL, connection->tls_begun);
}

static void on_connect(const redisAsyncContext *context, int status)
{
	struct connection *connection = context->data;

	if (connection->context != context)
		return;
	if (status == REDIS_OK) {
		connection->reached = true;
		connection_progressed(connection);
		if (!connection->source->path)
			tcp_keepalive_start(context->c.fd);
		connection->tls_begun = connection->tls && tls_begin(connection->tls, connection->context) == 0;
		if (connection->tls && !connection->tls_begun)
			lose_because(connection, -EHOSTDOWN, describe_break(connection, context));
		else
			greet(connection);
		return;
	}
	/* hiredis frees the context after this. */
	connection->context = NULL;
	if (connection->address + 1 < connection->resolver.address_count) {
		connection->address++;
		try_address(connection);
		return;
	}
	lose_because(connection, -EHOSTDOWN, break_error_text(context));
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct connection *connection = context->data;
	char words[BREAK_WORDS_MAX];

	(void)status;
	if (connection->context != context)
		return;
	connection->context = NULL;
	if (!connection->tls && break_last_words(context, words))
		lose_by_refusal(connection, words);
	else if (break_is_refusal(context))
		lose_by_refusal(connection, break_error_text(context));
	else
		lose_because(connection, -EHOSTDOWN, describe_break(connection, context));
}

static int adopt_context(struct connection *connection, redisAsyncContext *context)
{
	context->data = connection;
	connection->tls_begun = false;
	reply_guard_attach(&connection->guard, context);
	if (uv_adapter_attach(context, connection->loop) < 0)
		return -ENOMEM;
	redisAsyncSetConnectCallback(context, on_connect);
	redisAsyncSetDisconnectCallback(context, on_disconnect);
	return 0;
}

static void try_address(struct connection *connection)
{
	const struct redis_url *source = connection->source;
	redisAsyncContext *context = source->path ?
		redisAsyncConnectUnix(source->path) :
		redisAsyncConnect(connection->resolver.addresses[connection->address], source->port);

	connection->state = CONNECTING;
	connection->reached = false;
	if (!context) {
		lose_because(connection, -ENOMEM, strerror(ENOMEM));
		return;
	}
	if (context->err || adopt_context(connection, context) < 0) {
		lose_because(connection, -EHOSTDOWN, context->err ? break_error_text(context) : "it cannot be watched");
		redisAsyncFree(context);
		return;
	}
	connection->context = context;
}

static void on_resolved(struct resolver *resolver, const char *problem)
{
	struct connection *connection = resolver->ctx;

	if (connection->state == RESOLVING) {
		if (problem)
			lose_because(connection, -EHOSTDOWN, problem);
		else
			try_address(connection);
	}
	drop_user(connection);
}

static void resolve(struct connection *connection)
{
	int result;

	connection->address = 0;
	connection->state = RESOLVING;
	result = resolver_start(&connection->resolver, connection->loop, connection->source->host);
	if (result < 0)
		lose_because(connection, -EHOSTDOWN, uv_strerror(result));
	else if (result == RESOLVER_FOUND)
		try_address(connection);
	else if (result == RESOLVER_ASKED)
		connection->users++;
}

static void attempt(struct connection *connection)
{
	uv_timer_start(&connection->timer, on_timer, (uint64_t)connection->attempt_ms, 0);
	if (connection->source->path)
		try_address(connection);
	else
		resolve(connection);
}

static void on_timer(uv_timer_t *timer)
{
	struct connection *connection = timer->data;

	if (connection->state == PAUSING)
		attempt(connection);
	else
		lose_because(connection, -EHOSTDOWN,
			connection->state == RESOLVING ? "its name is not found in time" : "it does not answer");
}

/* What the owner calls */

struct connection *connection_new(const struct backend_config *config, const struct redis_url *source,
                                  struct tls_context *tls, const struct connection_handlers *owner)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->loop = config->loop;
	connection->source = source;
	connection->tls = tls;
	connection->attempt_ms = config->timeout_ms;
	backoff_reset(&connection->backoff);
	connection->owner = *owner;
	connection->users = 1;
	connection->resolver.on_resolved = on_resolved;
	connection->resolver.ctx = connection;
	uv_timer_init(config->loop, &connection->timer);
	connection->timer.data = connection;
	return connection;
}

void connection_start(struct connection *connection)
{
	attempt(connection);
}

void connection_progressed(struct connection *connection)
{
	if (connection->state == CONNECTING || connection->state == CONNECTED)
		uv_timer_start(&connection->timer, on_timer, (uint64_t)connection->attempt_ms, 0);
}

void connection_ready(struct connection *connection)
{
	uv_timer_stop(&connection->timer);
	connection->state = SETTLED;
	connection->failed = false;
	backoff_reset(&connection->backoff);
}

void connection_close(struct connection *connection)
{
	connection->state = CLOSED;
	resolver_cancel(&connection->resolver);
	discard_context(connection);
	uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

/* hiredis answers what is under way before it says that a connection has broken. */
static bool is_breaking(const struct connection *connection)
{
	return !connection->context || (connection->context->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING));
}

bool connection_is_up(const struct connection *connection)
{
	return connection->state == SETTLED && !is_breaking(connection);
}

bool connection_may_reconnect(const struct connection *connection)
{
	return !connection->failed && connection->state != CLOSED;
}

void connection_write(struct connection *connection)
{
	if (connection->context && connection->state >= CONNECTED)
		redisAsyncHandleWrite(connection->context);
}

bool connection_read(struct connection *connection)
{
	redisAsyncContext *context = connection->context;

	if (context && (context->c.flags & REDIS_IN_CALLBACK))
		return false;
	if (context)
		redisAsyncHandleRead(context);
	return true;
}

static bool is_subscription(const char *verb)
{
	return strcmp(verb, "SUBSCRIBE") == 0 || strcmp(verb, "UNSUBSCRIBE") == 0;
}

int connection_send(struct connection *connection, redisCallbackFn *callback, void *ctx, int argc,
                    const char **argv, const size_t *lengths)
{
	if (connection->state < CONNECTED || is_breaking(connection))
		return -EHOSTDOWN;
	if (is_subscription(argv[0]) && !reply_guard_expect(&connection->guard, argv[0], argv[1]))
		return -ENOMEM;
	if (redisAsyncCommandArgv(connection->context, callback, ctx, argc, argv, lengths) != REDIS_OK)
		return -ENOMEM;
	return 0;
}
