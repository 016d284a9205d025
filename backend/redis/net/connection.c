#include "backend/redis/net/connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "backend/redis/net/reply_guard.h"
#include "backend/redis/net/server_error.h"
#include "backend/redis/net/tls.h"
#include "backend/redis/net/uv_adapter.h"

#define LAST_WORDS_MAX 128
#define ADDRESSES_MAX 8
#define ADDRESS_TEXT_MAX 64

/*
 * An attempt may go on for this long without an answer, so that a server that is back is
 * found soon. Each answer counts, because a machine without time for the daemon would end
 * attempt after attempt otherwise.
 */
#define ATTEMPT_MAX_MS 1000

/* Pauses between attempts: short enough that a server which is back is found within a second. */
#define FIRST_PAUSE_MS 20
#define LAST_PAUSE_MS 500

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
	uv_getaddrinfo_t resolver;
	int64_t attempt_ms;    /* without an answer; of the first attempt all of the timeout, as its end is a mount's */
	int64_t pause_ms;
	bool reached;          /* something answered in this attempt */
	bool tls_begun;        /* on this context */
	bool failed;           /* there is no telling when it is up again */
	unsigned int greetings; /* replies still wanted before it is connected */
	unsigned int users;    /* of this memory: the timer, a resolver under way */
	size_t address_count;
	size_t address;
	char addresses[ADDRESSES_MAX][ADDRESS_TEXT_MAX];
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

/* The pause with a quarter more or less, so that many mounts do not come back at once. */
static uint64_t with_jitter(int64_t ms)
{
	unsigned char byte = 0;

	if (getrandom(&byte, sizeof(byte), GRND_NONBLOCK) < 0)
		byte = 128;
	return (uint64_t)(ms * 3 / 4 + ms * byte / 512);
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
	uv_timer_start(&connection->timer, on_timer, with_jitter(connection->pause_ms), 0);
	connection->pause_ms *= 2;
	if (connection->pause_ms > LAST_PAUSE_MS)
		connection->pause_ms = LAST_PAUSE_MS;
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

/* A server that does not like our certificate, or wants one, often hangs up without a word that arrives. */
static const char *certificate_advice(const struct connection *connection, const char *why)
{
	if (!connection->tls || !connection->reached || connection->state == SETTLED || strstr(why, "TLS"))
		return "";
	return tls_has_certificate(connection->tls) ?
		"; over TLS: does it accept the certificate of cert=?" :
		"; if it wants a certificate of its clients, give cert= and key=";
}

/* Loses it with what a server or the system said. */
static void lose_because(struct connection *connection, int status, const char *why)
{
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "cannot reach %s: %s%s", connection->source->name, why,
		certificate_advice(connection, why));
	lose(connection, status, problem);
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
	char problem[BACKEND_PROBLEM_MAX];

	if (!reply || connection->context != context)
		return; /* the loss is told elsewhere */
	if (reply->type == REDIS_REPLY_ERROR) {
		server_error_print(connection->source->name, reply->str, problem, sizeof(problem));
		lose(connection, server_error_find(reply->str)->status, problem);
		return;
	}
	connection_progressed(connection);
	if (--connection->greetings == 0)
		greeted(connection);
}

static void greet(struct connection *connection)
{
	const struct redis_url *source = connection->source;
	redisAsyncContext *context = connection->context;
	int sent = REDIS_OK;

	connection->greetings = (source->password ? 1 : 0) + (source->db ? 1 : 0);
	if (connection->greetings == 0) {
		greeted(connection);
		return;
	}
	if (source->password && source->user)
		sent = redisAsyncCommand(context, on_greeting, connection, "AUTH %s %s", source->user,
			source->password);
	else if (source->password)
		sent = redisAsyncCommand(context, on_greeting, connection, "AUTH %s", source->password);
	if (sent == REDIS_OK && source->db)
		sent = redisAsyncCommand(context, on_greeting, connection, "SELECT %d", source->db);
	if (sent != REDIS_OK)
		lose_because(connection, -ENOMEM, strerror(ENOMEM));
}

/* Connecting */

/* hiredis 1 does not always copy the error of the connection within. */
static const char *error_text(const redisAsyncContext *context)
{
	return context->errstr && *context->errstr ? context->errstr : context->c.errstr;
}

/* What went wrong in words; a reply that is none comes from something else than Redis. */
static const char *describe_break(const redisAsyncContext *context)
{
	const struct connection *connection = context->data;
	const char *of_tls = connection->tls ? tls_explain(context, connection->tls_begun) : NULL;

	if (of_tls)
		return of_tls;
	if (connection->guard.refused)
		return "it says what it was not asked";
	if (context->c.err == REDIS_ERR_PROTOCOL)
		return "what answers there is not Redis";
	return context->c.err ? error_text(context) : "the connection was closed";
}

/*
 * Who only listens would not notice that the other end is gone, so the kernel looks
 * for it. Where it cannot, nothing is lost but that.
 */
static void watch_silence(int fd)
{
	static const struct {
		int level, option, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },  /* seconds of silence */
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 }, /* seconds between questions */
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value, sizeof(settings[i].value));
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
			watch_silence(context->c.fd);
		connection->tls_begun = connection->tls && tls_begin(connection->tls, connection->context) == 0;
		if (connection->tls && !connection->tls_begun)
			lose_because(connection, -EHOSTDOWN, describe_break(context));
		else
			greet(connection);
		return;
	}
	/* hiredis frees the context after this. */
	connection->context = NULL;
	if (connection->address + 1 < connection->address_count) {
		connection->address++;
		try_address(connection);
		return;
	}
	lose_because(connection, -EHOSTDOWN, error_text(context));
}

/* A server that turns us away says why and hangs up, which is seen first by who writes to it. */
static bool read_last_words(const redisAsyncContext *context, char words[LAST_WORDS_MAX])
{
	char line[LAST_WORDS_MAX];
	ssize_t length = recv(context->c.fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_PEEK);

	if (length < 2 || line[0] != '-')
		return false;
	line[length] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	stpcpy(words, line + 1);
	return true;
}

/* hiredis takes an error that answers SUBSCRIBE for one of the connection, and ends it. */
static bool is_refusal(const redisAsyncContext *context)
{
	return context->c.err == REDIS_ERR_OTHER && server_error_is_known(error_text(context));
}

static void lose_by_refusal(struct connection *connection, const char *text)
{
	char problem[BACKEND_PROBLEM_MAX];

	server_error_print(connection->source->name, text, problem, sizeof(problem));
	lose(connection, server_error_find(text)->status, problem);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	struct connection *connection = context->data;
	char words[LAST_WORDS_MAX];

	(void)status;
	if (connection->context != context)
		return;
	connection->context = NULL;
	if (!connection->tls && read_last_words(context, words))
		lose_by_refusal(connection, words);
	else if (is_refusal(context))
		lose_by_refusal(connection, error_text(context));
	else
		lose_because(connection, -EHOSTDOWN, describe_break(context));
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
		redisAsyncConnect(connection->addresses[connection->address], source->port);

	connection->state = CONNECTING;
	connection->reached = false;
	if (!context) {
		lose_because(connection, -ENOMEM, strerror(ENOMEM));
		return;
	}
	if (context->err || adopt_context(connection, context) < 0) {
		lose_because(connection, -EHOSTDOWN, context->err ? error_text(context) : "it cannot be watched");
		redisAsyncFree(context);
		return;
	}
	connection->context = context;
}

/* Resolving. A name is looked up by a thread of libuv's; an address needs none. */

static void add_address(struct connection *connection, const struct sockaddr *address, socklen_t size)
{
	char *text = connection->addresses[connection->address_count];

	if (connection->address_count < ADDRESSES_MAX &&
		getnameinfo(address, size, text, ADDRESS_TEXT_MAX, NULL, 0, NI_NUMERICHOST) == 0)
		connection->address_count++;
}

static void on_resolved(uv_getaddrinfo_t *resolver, int status, struct addrinfo *found)
{
	struct connection *connection = resolver->data;

	resolver->data = NULL;
	if (connection->state == RESOLVING) {
		for (const struct addrinfo *info = found; info; info = info->ai_next)
			add_address(connection, info->ai_addr, info->ai_addrlen);
		if (connection->address_count > 0)
			try_address(connection);
		else
			lose_because(connection, -EHOSTDOWN,
				status < 0 ? uv_strerror(status) : "its name has no address");
	}
	uv_freeaddrinfo(found);
	drop_user(connection);
}

static bool is_address(const char *host)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	return uv_ip4_addr(host, 0, &v4) == 0 || uv_ip6_addr(host, 0, &v6) == 0;
}

static void resolve(struct connection *connection)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	const char *host = connection->source->host;
	int err;

	connection->address = 0;
	connection->address_count = 0;
	if (is_address(host) && strlen(host) < ADDRESS_TEXT_MAX) {
		stpcpy(connection->addresses[connection->address_count++], host);
		try_address(connection);
		return;
	}
	connection->state = RESOLVING;
	if (connection->resolver.data)
		return; /* the last question is not answered yet: its answer will do */
	connection->resolver.data = connection;
	err = uv_getaddrinfo(connection->loop, &connection->resolver, on_resolved, host, NULL, &hints);
	if (err < 0) {
		connection->resolver.data = NULL;
		lose_because(connection, -EHOSTDOWN, uv_strerror(err));
		return;
	}
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
	connection->pause_ms = FIRST_PAUSE_MS;
	connection->owner = *owner;
	connection->users = 1;
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
	connection->pause_ms = FIRST_PAUSE_MS;
}

void connection_close(struct connection *connection)
{
	connection->state = CLOSED;
	if (connection->resolver.data)
		uv_cancel((uv_req_t *)&connection->resolver);
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
