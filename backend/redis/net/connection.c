/*
 * One connection to the server. The states follow each other in the order of enum
 * connection_state; every failure goes through lose(), which starts the next pause.
 */
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
#include "backend/util/clock.h"

/*
 * An attempt ends after this time without an answer, so that a server that is back is found soon.
 * Every answer restarts the time: otherwise an overloaded machine would end one attempt after another.
 */
#define ATTEMPT_MAX_MS 1000

enum connection_state {
	PAUSING,    /* the timer starts the next attempt */
	FINDING,    /* the guide is asked which server it is */
	RESOLVING,  /* the addresses of the host are looked up */
	CONNECTING, /* a connection to one address is made, and AUTH and SELECT are sent */
	CONNECTED,  /* on_connected() was called, connection_ready() was not yet */
	READY,      /* the connection can be used */
	CLOSED,     /* connection_close() was called */
};

struct connection {
	uv_loop_t *loop;
	const struct redis_url *url;
	struct tls_context *tls; /* NULL: the connection is plain */
	struct connection_handlers handlers;
	struct connection_guide guide; /* its find() is NULL: the server never changes */
	enum connection_state state;
	redisAsyncContext *context; /* NULL if nothing is connected or being connected */
	struct reply_guard guard;   /* checks the replies on `context` */
	uv_timer_t timer;           /* ends a pause or an attempt */
	struct resolver resolver;
	size_t address;             /* index of the resolver's address that is tried */
	int64_t attempt_ms;         /* an attempt ends after this time without an answer; the first one lasts for timeout= */
	struct backoff backoff;     /* pauses between attempts */
	bool reached;               /* a TCP or socket connection was made in this attempt */
	bool tls_begun;             /* tls_begin() succeeded on `context` */
	bool failed;                /* an attempt failed or the server was silent: the outage may last */
	bool been_ready;
	bool changes;               /* the guide expects another server soon, so a failed attempt says nothing */
	int64_t outage_ns;          /* CLOCK_BOOTTIME of the start, or of the last loss of a ready connection */
	int64_t timeout_ms;         /* as configured */
	unsigned int greetings;     /* replies to AUTH and SELECT that have not arrived yet */
	unsigned int references;    /* to this struct: the timer, and the resolver while it works */
};

static void on_timer(uv_timer_t *timer);
static void try_address(struct connection *connection);

/* How an attempt or a connection ends */

static void drop_reference(struct connection *connection)
{
	if (--connection->references > 0)
		return;
	connection->handlers.on_freed(connection->handlers.ctx);
	free(connection);
}

static void on_timer_closed(uv_handle_t *handle)
{
	drop_reference(handle->data);
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

/* With several servers, another one may soon be primary, and calls can wait for it as long as they can wait at all. */
static bool is_patient(const struct connection *connection)
{
	return connection->guide.find && (connection->been_ready || connection->changes) &&
		(connection->state == READY || boot_ns() - connection->outage_ns < connection->timeout_ms * NS_PER_MS);
}

static void lose(struct connection *connection, int status, const char *problem)
{
	const struct connection_guide *guide = &connection->guide;

	if (connection->state == CLOSED || connection->state == PAUSING)
		return;
	if (connection->state == READY)
		connection->outage_ns = boot_ns();
	/* A connection that broke can usually be made again at once; a server that is silent stays silent. */
	if (status == -ETIMEDOUT || (connection->state != READY && !is_patient(connection)))
		connection->failed = true;
	connection->changes = false;
	pause_attempts(connection);
	discard_context(connection);
	if (guide->on_lost)
		guide->on_lost(guide->ctx, status, problem);
	connection->handlers.on_lost(connection->handlers.ctx, status, problem);
}

void connection_drop(struct connection *connection, int status, const char *problem)
{
	lose(connection, status, problem);
}

/* Loses the connection; `why` is the reason that the server or the system gave. */
static void lose_because(struct connection *connection, int status, const char *why)
{
	bool by_tls = connection->tls && connection->reached && connection->state != READY;
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "cannot reach %s%s: %s%s", connection->url->name,
		connection->guide.origin ? connection->guide.origin : "", why,
		by_tls ? break_certificate_advice(connection->tls, why) : "");
	lose(connection, status, problem);
}

enum refusal connection_judge(const struct connection *connection, const char *text)
{
	const struct connection_guide *guide = &connection->guide;

	return guide->judge ? guide->judge(guide->ctx, text) : REFUSAL_FINAL;
}

void connection_refuse(struct connection *connection, const char *text)
{
	char problem[BACKEND_PROBLEM_MAX];

	server_error_print(connection->url->name, text, problem, sizeof(problem));
	connection->changes = connection_judge(connection, text) != REFUSAL_FINAL;
	lose(connection, server_error_find(text)->status, connection->changes && is_patient(connection) ? "" : problem);
}

/* Greeting */

static void greeted(struct connection *connection)
{
	connection->state = CONNECTED;
	connection->handlers.on_connected(connection->handlers.ctx);
}

static bool is_primary(const redisReply *role)
{
	return role->type == REDIS_REPLY_ARRAY && role->elements > 0 && role->element[0]->str &&
		strcmp(role->element[0]->str, "master") == 0;
}

static void on_greeting(redisAsyncContext *context, void *data, void *ctx)
{
	struct connection *connection = ctx;
	const redisReply *reply = data;

	if (!reply || connection->context != context)
		return; /* lose() reports the loss */
	if (reply->type == REDIS_REPLY_ERROR) {
		connection_refuse(connection, reply->str);
		return;
	}
	connection_progressed(connection);
	if (--connection->greetings > 0)
		return;
	/* The reply to ROLE is the last one. */
	if (connection->guide.checks_role && !is_primary(reply))
		lose_because(connection, -EHOSTDOWN, "it is no primary now");
	else
		greeted(connection);
}

static void greet(struct connection *connection)
{
	int sent = greeting_send(connection->context, connection->url, connection->guide.checks_role, on_greeting, connection);

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
		if (!connection->url->path)
			tcp_keepalive_start(context->c.fd);
		connection->tls_begun = connection->tls && tls_begin(connection->tls, connection->url->host, connection->context) == 0;
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
		connection_refuse(connection, words);
	else if (break_is_refusal(context))
		connection_refuse(connection, break_error_text(context));
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
	const struct redis_url *url = connection->url;
	redisAsyncContext *context = url->path ?
		redisAsyncConnectUnix(url->path) :
		redisAsyncConnect(connection->resolver.addresses[connection->address], url->port);

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
	drop_reference(connection);
}

static void resolve(struct connection *connection)
{
	const char *address = connection->guide.address;
	int result;

	connection->address = 0;
	connection->state = RESOLVING;
	result = resolver_start(&connection->resolver, connection->loop, address && *address ? address : connection->url->host);
	if (result < 0)
		lose_because(connection, -EHOSTDOWN, uv_strerror(result));
	else if (result == RESOLVER_FOUND)
		try_address(connection);
	else if (result == RESOLVER_ASKED)
		connection->references++;
	else if (connection->guide.find)
		/* The look-up before, which is still under way, may be of another host. */
		lose_because(connection, -EHOSTDOWN, "its name is not found in time");
}

static void limit_attempt(struct connection *connection)
{
	uv_timer_start(&connection->timer, on_timer, (uint64_t)connection->attempt_ms, 0);
}

static void connect_now(struct connection *connection)
{
	limit_attempt(connection);
	if (connection->url->path)
		try_address(connection);
	else
		resolve(connection);
}

static void attempt(struct connection *connection)
{
	if (!connection->guide.find) {
		connect_now(connection);
		return;
	}
	connection->state = FINDING;
	if (!connection->guide.waits)
		limit_attempt(connection);
	connection->guide.find(connection->guide.ctx);
}

void connection_found(struct connection *connection)
{
	if (connection->state == FINDING)
		connect_now(connection);
}

void connection_not_found(struct connection *connection, int status, const char *problem)
{
	if (connection->state == FINDING)
		lose(connection, status, problem);
}

static const char *describe_silence(const struct connection *connection)
{
	return connection->state == RESOLVING ? "its name is not found in time" :
		connection->state == FINDING ? "no primary is found in time" : "it does not answer";
}

static void on_timer(uv_timer_t *timer)
{
	struct connection *connection = timer->data;

	if (connection->state == PAUSING)
		attempt(connection);
	else
		lose_because(connection, -EHOSTDOWN, describe_silence(connection));
}

/* Public functions */

struct connection *connection_new(const struct backend_config *config, const struct redis_url *url,
                                  struct tls_context *tls, const struct connection_handlers *handlers)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->loop = config->loop;
	connection->url = url;
	connection->tls = tls;
	connection->attempt_ms = config->timeout_ms;
	connection->timeout_ms = config->timeout_ms;
	backoff_reset(&connection->backoff);
	connection->handlers = *handlers;
	connection->references = 1;
	connection->resolver.on_resolved = on_resolved;
	connection->resolver.ctx = connection;
	uv_timer_init(config->loop, &connection->timer);
	connection->timer.data = connection;
	return connection;
}

void connection_start(struct connection *connection)
{
	connection->outage_ns = boot_ns();
	attempt(connection);
}

void connection_set_guide(struct connection *connection, const struct connection_guide *guide)
{
	connection->guide = *guide;
}

void connection_leave(struct connection *connection, int status, const char *problem)
{
	if (connection->state != FINDING)
		lose(connection, status, problem);
}

void connection_hurry(struct connection *connection)
{
	if (connection->state == PAUSING)
		uv_timer_start(&connection->timer, on_timer, 0, 0);
}

const char *connection_address(const struct connection *connection)
{
	return connection->address < connection->resolver.address_count ? connection->resolver.addresses[connection->address] : "";
}

void connection_progressed(struct connection *connection)
{
	if (connection->state == CONNECTING || connection->state == CONNECTED)
		limit_attempt(connection);
}

void connection_runs_scripts(struct connection *connection)
{
	connection->failed = false;
}

void connection_set_up_again(struct connection *connection)
{
	connection->state = CONNECTED;
	connection_progressed(connection);
}

void connection_ready(struct connection *connection)
{
	uv_timer_stop(&connection->timer);
	connection->state = READY;
	connection->failed = false;
	connection->been_ready = true;
	backoff_reset(&connection->backoff);
	if (connection->guide.on_ready)
		connection->guide.on_ready(connection->guide.ctx);
}

void connection_close(struct connection *connection)
{
	connection->state = CLOSED;
	resolver_cancel(&connection->resolver);
	discard_context(connection);
	uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

/* Is the connection breaking? hiredis answers the commands under way before it calls on_disconnect(). */
static bool is_breaking(const struct connection *connection)
{
	return !connection->context || (connection->context->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING));
}

bool connection_is_up(const struct connection *connection)
{
	return connection->state == READY && !is_breaking(connection);
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
