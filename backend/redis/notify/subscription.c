#include "backend/redis/notify/subscription.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/server_error.h"
#include "backend/redis/notify/lease_expiry.h"
#include "backend/redis/reply.h"
#include "backend/util/clock.h"

/* Events are often not wanted for a moment only; they go on for so long. */
#define LINGER_MS 5000

struct listener {
	struct backend_config config;
	const struct redis_url *source;
	struct connection *connection;
	struct leases leases;
	uv_timer_t linger;
	bool closing;
	enum listen_extent wanted; /* events, or they linger */
	bool has_events; /* the server has said that it tells of them */
	bool drop_told;  /* people know that something was published that is none of lockfs */
	int64_t asked_ns; /* when it was asked for all that it told, on CLOCK_BOOTTIME; 0: it has answered */
	unsigned int users; /* of this memory: the timer, the leases, the connection */
	struct listener_owner owner;
	backend_started *started; /* NULL once it was told */
	void *started_ctx;
	char *mount_channel;
	char *event_channel;
};

static void free_listener(struct listener *listener)
{
	free(listener->mount_channel);
	free(listener->event_channel);
	free(listener);
}

static void drop_user(struct listener *listener)
{
	if (--listener->users > 0)
		return;
	listener->owner.freed(listener->owner.ctx);
	free_listener(listener);
}

static void tell_started(struct listener *listener, int status, const char *problem)
{
	backend_started *started = listener->started;

	listener->started = NULL;
	if (started)
		started(listener->started_ctx, status, problem);
}

static void on_message(redisAsyncContext *context, void *data, void *ctx);

/* Where there is no connection, the next one begins with what is wanted then. */
static void ask(struct listener *listener, const char *verb, const char *channel)
{
	const char *argv[] = { verb, channel };
	const size_t lengths[] = { strlen(verb), strlen(channel) };
	int err = connection_send(listener->connection, on_message, listener, 2, argv, lengths);

	if (err < 0 && err != -EHOSTDOWN)
		connection_drop(listener->connection, err, strerror(-err));
}

static void tell_gap(const struct listener *listener)
{
	if (listener->config.on_gap)
		listener->config.on_gap(listener->config.ctx);
}

static void on_subscribed(struct listener *listener, const char *channel)
{
	if (strcmp(channel, listener->event_channel) == 0) {
		if (listener->wanted == LISTEN_NOT)
			return; /* no longer, and the server was told so */
		listener->has_events = true;
		tell_gap(listener);
		if (listener->wanted == LISTEN_ALL)
			listener->owner.hears(listener->owner.ctx);
		return;
	}
	if (listener->asked_ns) {
		int64_t asked_ns = listener->asked_ns;

		listener->asked_ns = 0;
		leases_end(&listener->leases, asked_ns);
		return;
	}
	connection_ready(listener->connection);
	listener->owner.listening(listener->owner.ctx);
	tell_started(listener, 0, NULL);
}

/* People are told once: whoever publishes there may do so all the time. */
static void tell_drop(struct listener *listener, const char *channel)
{
	char line[BACKEND_PROBLEM_MAX];

	if (listener->drop_told || !listener->config.on_notice)
		return;
	listener->drop_told = true;
	snprintf(line, sizeof(line), "%s: a message on the channel %s is not from lockfs and was dropped, "
		"and so are others: see who publishes there", listener->source->name, channel);
	listener->config.on_notice(listener->config.ctx, line);
}

/* Returns 0, or -EPROTO where it is no event. */
static int on_event(struct listener *listener, const redisReply *payload)
{
	struct lock_event event;

	/* What comes after the last listener has gone: nothing would tell of its end. */
	if (!listener->has_events)
		return 0;
	if (reply_event(payload->str, payload->len, &event) < 0)
		return -EPROTO;
	leases_tell(&listener->leases, &event);
	return 0;
}

/* Returns 0, or -EPROTO where it is no message. */
static int on_mount_message(struct listener *listener, const redisReply *payload)
{
	struct message message;
	struct lock_event event;
	int64_t left_ms;

	if (reply_held(payload->str, payload->len, &left_ms, &event) == 0) {
		if (listener->has_events)
			leases_adopt(&listener->leases, &event, left_ms);
		return 0;
	}
	if (reply_message(payload->str, payload->len, &message) < 0)
		return -EPROTO;
	listener->owner.told(listener->owner.ctx, &message);
	return 0;
}

static void on_payload(struct listener *listener, const char *channel, const redisReply *payload)
{
	int err;

	/* Each mount that starts tries whether it may publish (self_test.lua). */
	if (payload->len == 0)
		return;
	err = strcmp(channel, listener->event_channel) == 0 ? on_event(listener, payload) :
		on_mount_message(listener, payload);
	if (err < 0)
		tell_drop(listener, channel);
}

static void on_refusal(struct listener *listener, const char *text)
{
	char problem[BACKEND_PROBLEM_MAX];

	server_error_print(listener->source->name, text, problem, sizeof(problem));
	connection_drop(listener->connection, server_error_find(text)->status, problem);
}

static void on_message(redisAsyncContext *context, void *data, void *ctx)
{
	enum { KIND, CHANNEL, PAYLOAD, COUNT };
	struct listener *listener = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply || listener->closing)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		on_refusal(listener, reply->str);
		return;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != COUNT || !reply->element[KIND]->str ||
		!reply->element[CHANNEL]->str)
		return;
	if (strcmp(reply->element[KIND]->str, "subscribe") == 0)
		on_subscribed(listener, reply->element[CHANNEL]->str);
	else if (reply->element[PAYLOAD]->str)
		on_payload(listener, reply->element[CHANNEL]->str, reply->element[PAYLOAD]);
}

static void on_connected(void *ctx)
{
	struct listener *listener = ctx;

	listener->asked_ns = 0;
	ask(listener, "SUBSCRIBE", listener->mount_channel);
	if (listener->wanted != LISTEN_NOT)
		ask(listener, "SUBSCRIBE", listener->event_channel);
}

static void stop_events(struct listener *listener)
{
	listener->has_events = false;
	leases_forget(&listener->leases);
}

/* It comes back by itself, and tells of the gap then. */
static void on_lost(void *ctx, int status, const char *problem)
{
	struct listener *listener = ctx;

	stop_events(listener);
	listener->owner.deaf(listener->owner.ctx, problem);
	tell_started(listener, status, problem);
}

static void on_connection_freed(void *ctx)
{
	drop_user(ctx);
}

/*
 * What the server told before it answers is here then, as it is all on one connection: also
 * that a lease was renewed, which this mount may have been too slow to hear of.
 */
static void on_lease_due(struct leases *leases)
{
	struct listener *listener = (struct listener *)((char *)leases - offsetof(struct listener, leases));

	if (listener->asked_ns)
		return;
	listener->asked_ns = boot_ns();
	ask(listener, "SUBSCRIBE", listener->mount_channel);
}

static void on_linger(uv_timer_t *timer)
{
	struct listener *listener = timer->data;

	listener->wanted = LISTEN_NOT;
	stop_events(listener);
	ask(listener, "UNSUBSCRIBE", listener->event_channel);
}

bool listener_want(struct listener *listener, enum listen_extent extent)
{
	bool more = extent == LISTEN_ALL && listener->wanted != LISTEN_ALL;

	if (listener->closing)
		return false;
	if (extent == LISTEN_NOT) {
		uv_timer_start(&listener->linger, on_linger, LINGER_MS, 0);
		return false;
	}
	uv_timer_stop(&listener->linger);
	if (listener->wanted == LISTEN_NOT)
		ask(listener, "SUBSCRIBE", listener->event_channel);
	listener->wanted = extent;
	if (listener->has_events && more)
		listener->owner.hears(listener->owner.ctx);
	return listener->has_events;
}

bool listener_is_up(const struct listener *listener)
{
	return connection_is_up(listener->connection);
}

void listener_renew(struct listener *listener)
{
	if (!listener->closing && connection_is_up(listener->connection))
		connection_drop(listener->connection, -EHOSTDOWN, "");
}

bool listener_is_current(struct listener *listener)
{
	return connection_is_up(listener->connection) && connection_read(listener->connection) &&
		connection_is_up(listener->connection);
}

struct listener *listener_new(const struct backend_config *config, const struct redis_url *source,
                              struct tls_context *tls, const char *mount, const struct listener_owner *owner)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	struct connection_handlers connection_owner = {
		.connected = on_connected,
		.lost = on_lost,
		.freed = on_connection_freed,
		.ctx = listener,
	};

	if (!listener)
		return NULL;
	if (asprintf(&listener->mount_channel, "%s#m:%s", config->namespace_, mount) < 0)
		listener->mount_channel = NULL;
	if (asprintf(&listener->event_channel, "%s#ev", config->namespace_) < 0)
		listener->event_channel = NULL;
	if (!listener->mount_channel || !listener->event_channel ||
		leases_init(&listener->leases, config, on_lease_due) < 0) {
		free_listener(listener);
		return NULL;
	}
	listener->config = *config;
	listener->source = source;
	listener->owner = *owner;
	listener->users = 2;
	uv_timer_init(config->loop, &listener->linger);
	listener->linger.data = listener;
	listener->connection = connection_new(config, source, tls, &connection_owner);
	if (listener->connection)
		listener->users++;
	return listener;
}

void listener_start(struct listener *listener, backend_started *started, void *ctx)
{
	listener->started = started;
	listener->started_ctx = ctx;
	if (listener->connection)
		connection_start(listener->connection);
	else
		tell_started(listener, -ENOMEM, strerror(ENOMEM));
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

void listener_close(struct listener *listener)
{
	listener->closing = true;
	if (listener->connection)
		connection_close(listener->connection);
	leases_close(&listener->leases, on_handle_closed, listener);
	uv_close((uv_handle_t *)&listener->linger, on_handle_closed);
	tell_started(listener, -ESHUTDOWN, "it was ended before it listened");
}
