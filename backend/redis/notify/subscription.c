#include "backend/redis/notify/subscription.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/server_error.h"
#include "backend/redis/notify/lease_expiry.h"
#include "backend/redis/notify/message_trace.h"
#include "backend/redis/reply/message.h"
#include "backend/util/clock.h"

/* Events are often not wanted for a moment only; they go on for so long. */
#define LINGER_MS 5000

struct subscription {
	struct backend_config config;
	const struct redis_url *source;
	struct connection *connection;
	struct lease_expiry leases;
	uv_timer_t linger;
	bool closing;
	enum listen_extent wanted; /* events, or they linger */
	bool has_events; /* the server has said that it tells of them */
	bool drop_told;  /* people know that something was published that is none of lockfs */
	int64_t asked_ns; /* when it was asked for all that it told, on CLOCK_BOOTTIME; 0: it has answered */
	unsigned int users; /* of this memory: the timer, the leases, the connection */
	struct subscription_handlers owner;
	backend_started *started; /* NULL once it was told */
	void *started_ctx;
	char *mount_channel;
	char *event_channel;
};

static void free_listener(struct subscription *subscription)
{
	free(subscription->mount_channel);
	free(subscription->event_channel);
	free(subscription);
}

static void drop_user(struct subscription *subscription)
{
	if (--subscription->users > 0)
		return;
	subscription->owner.freed(subscription->owner.ctx);
	free_listener(subscription);
}

static void tell_started(struct subscription *subscription, int status, const char *problem)
{
	backend_started *started = subscription->started;

	subscription->started = NULL;
	if (started)
		started(subscription->started_ctx, status, problem);
}

static void on_message(redisAsyncContext *context, void *data, void *ctx);

/* Where there is no connection, the next one begins with what is wanted then. */
static void ask(struct subscription *subscription, const char *verb, const char *channel)
{
	const char *argv[] = { verb, channel };
	const size_t lengths[] = { strlen(verb), strlen(channel) };
	int err = connection_send(subscription->connection, on_message, subscription, 2, argv, lengths);

	if (err < 0 && err != -EHOSTDOWN)
		connection_drop(subscription->connection, err, strerror(-err));
}

static void tell_gap(const struct subscription *subscription)
{
	if (subscription->config.on_gap)
		subscription->config.on_gap(subscription->config.ctx);
}

static void on_subscribed(struct subscription *subscription, const char *channel)
{
	if (strcmp(channel, subscription->event_channel) == 0) {
		if (subscription->wanted == LISTEN_NOT)
			return; /* no longer, and the server was told so */
		subscription->has_events = true;
		tell_gap(subscription);
		if (subscription->wanted == LISTEN_ALL)
			subscription->owner.hears(subscription->owner.ctx);
		return;
	}
	if (subscription->asked_ns) {
		int64_t asked_ns = subscription->asked_ns;

		subscription->asked_ns = 0;
		lease_expiry_end(&subscription->leases, asked_ns);
		return;
	}
	connection_ready(subscription->connection);
	subscription->owner.listening(subscription->owner.ctx);
	tell_started(subscription, 0, NULL);
}

/* People are told once: whoever publishes there may do so all the time. */
static void tell_drop(struct subscription *subscription, const char *channel)
{
	char line[BACKEND_PROBLEM_MAX];

	if (subscription->drop_told || !subscription->config.on_notice)
		return;
	subscription->drop_told = true;
	snprintf(line, sizeof(line), "%s: a message on the channel %s is not from lockfs and was dropped, "
		"and so are others: see who publishes there", subscription->source->name, channel);
	subscription->config.on_notice(subscription->config.ctx, line);
}

/* Returns 0, or -EPROTO where it is no event. */
static int on_event(struct subscription *subscription, const redisReply *payload)
{
	struct lock_event event;

	/* What comes after the last subscription has gone: nothing would tell of its end. */
	if (!subscription->has_events)
		return 0;
	if (message_parse_event(payload->str, payload->len, &event) < 0)
		return -EPROTO;
	message_trace_event(&subscription->config, payload->str, &event);
	lease_expiry_tell(&subscription->leases, &event);
	return 0;
}

/* Returns 0, or -EPROTO where it is no message. */
static int on_mount_message(struct subscription *subscription, const redisReply *payload)
{
	struct message message;
	struct lock_event event;
	int64_t left_ms;

	if (message_parse_held_lease(payload->str, payload->len, &left_ms, &event) == 0) {
		message_trace_event(&subscription->config, payload->str, &event);
		if (subscription->has_events)
			lease_expiry_adopt(&subscription->leases, &event, left_ms);
		return 0;
	}
	if (message_parse(payload->str, payload->len, &message) < 0)
		return -EPROTO;
	message_trace(&subscription->config, payload->str, &message);
	subscription->owner.told(subscription->owner.ctx, &message);
	return 0;
}

static void on_payload(struct subscription *subscription, const char *channel, const redisReply *payload)
{
	int err;

	/* Each mount that starts tries whether it may publish (self_test.lua). */
	if (payload->len == 0)
		return;
	err = strcmp(channel, subscription->event_channel) == 0 ? on_event(subscription, payload) :
		on_mount_message(subscription, payload);
	if (err < 0)
		tell_drop(subscription, channel);
}

static void on_refusal(struct subscription *subscription, const char *text)
{
	char problem[BACKEND_PROBLEM_MAX];

	server_error_print(subscription->source->name, text, problem, sizeof(problem));
	connection_drop(subscription->connection, server_error_find(text)->status, problem);
}

static void on_message(redisAsyncContext *context, void *data, void *ctx)
{
	enum { KIND, CHANNEL, PAYLOAD, COUNT };
	struct subscription *subscription = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply || subscription->closing)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		on_refusal(subscription, reply->str);
		return;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != COUNT || !reply->element[KIND]->str ||
		!reply->element[CHANNEL]->str)
		return;
	if (strcmp(reply->element[KIND]->str, "subscribe") == 0)
		on_subscribed(subscription, reply->element[CHANNEL]->str);
	else if (reply->element[PAYLOAD]->str)
		on_payload(subscription, reply->element[CHANNEL]->str, reply->element[PAYLOAD]);
}

static void on_connected(void *ctx)
{
	struct subscription *subscription = ctx;

	subscription->asked_ns = 0;
	ask(subscription, "SUBSCRIBE", subscription->mount_channel);
	if (subscription->wanted != LISTEN_NOT)
		ask(subscription, "SUBSCRIBE", subscription->event_channel);
}

static void stop_events(struct subscription *subscription)
{
	subscription->has_events = false;
	lease_expiry_forget(&subscription->leases);
}

/* It comes back by itself, and tells of the gap then. */
static void on_lost(void *ctx, int status, const char *problem)
{
	struct subscription *subscription = ctx;

	stop_events(subscription);
	subscription->owner.deaf(subscription->owner.ctx, problem);
	tell_started(subscription, status, problem);
}

static void on_connection_freed(void *ctx)
{
	drop_user(ctx);
}

/*
 * What the server told before it answers is here then, as it is all on one connection: also
 * that a lease was renewed, which this mount may have been too slow to hear of.
 */
static void on_lease_due(struct lease_expiry *leases)
{
	struct subscription *subscription = (struct subscription *)((char *)leases - offsetof(struct subscription, leases));

	if (subscription->asked_ns)
		return;
	subscription->asked_ns = boot_ns();
	ask(subscription, "SUBSCRIBE", subscription->mount_channel);
}

static void on_linger(uv_timer_t *timer)
{
	struct subscription *subscription = timer->data;

	subscription->wanted = LISTEN_NOT;
	stop_events(subscription);
	ask(subscription, "UNSUBSCRIBE", subscription->event_channel);
}

bool subscription_want(struct subscription *subscription, enum listen_extent extent)
{
	bool more = extent == LISTEN_ALL && subscription->wanted != LISTEN_ALL;

	if (subscription->closing)
		return false;
	if (extent == LISTEN_NOT) {
		uv_timer_start(&subscription->linger, on_linger, LINGER_MS, 0);
		return false;
	}
	uv_timer_stop(&subscription->linger);
	if (subscription->wanted == LISTEN_NOT)
		ask(subscription, "SUBSCRIBE", subscription->event_channel);
	subscription->wanted = extent;
	if (subscription->has_events && more)
		subscription->owner.hears(subscription->owner.ctx);
	return subscription->has_events;
}

bool subscription_is_up(const struct subscription *subscription)
{
	return connection_is_up(subscription->connection);
}

void subscription_renew(struct subscription *subscription)
{
	if (!subscription->closing && connection_is_up(subscription->connection))
		connection_drop(subscription->connection, -EHOSTDOWN, "");
}

bool subscription_is_current(struct subscription *subscription)
{
	return connection_is_up(subscription->connection) && connection_read(subscription->connection) &&
		connection_is_up(subscription->connection);
}

struct subscription *subscription_new(const struct backend_config *config, const struct redis_url *source,
                              struct tls_context *tls, const char *mount, const struct subscription_handlers *owner)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	struct connection_handlers connection_owner = {
		.connected = on_connected,
		.lost = on_lost,
		.freed = on_connection_freed,
		.ctx = subscription,
	};

	if (!subscription)
		return NULL;
	if (asprintf(&subscription->mount_channel, "%s#m:%s", config->namespace_, mount) < 0)
		subscription->mount_channel = NULL;
	if (asprintf(&subscription->event_channel, "%s#ev", config->namespace_) < 0)
		subscription->event_channel = NULL;
	if (!subscription->mount_channel || !subscription->event_channel ||
		lease_expiry_init(&subscription->leases, config, on_lease_due) < 0) {
		free_listener(subscription);
		return NULL;
	}
	subscription->config = *config;
	subscription->source = source;
	subscription->owner = *owner;
	subscription->users = 2;
	uv_timer_init(config->loop, &subscription->linger);
	subscription->linger.data = subscription;
	subscription->connection = connection_new(config, source, tls, &connection_owner);
	if (subscription->connection)
		subscription->users++;
	return subscription;
}

void subscription_start(struct subscription *subscription, backend_started *started, void *ctx)
{
	subscription->started = started;
	subscription->started_ctx = ctx;
	if (subscription->connection)
		connection_start(subscription->connection);
	else
		tell_started(subscription, -ENOMEM, strerror(ENOMEM));
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

void subscription_close(struct subscription *subscription)
{
	subscription->closing = true;
	if (subscription->connection)
		connection_close(subscription->connection);
	lease_expiry_close(&subscription->leases, on_handle_closed, subscription);
	uv_close((uv_handle_t *)&subscription->linger, on_handle_closed);
	tell_started(subscription, -ESHUTDOWN, "it was ended before it listened");
}
