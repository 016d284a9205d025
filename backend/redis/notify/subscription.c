/*
 * Receives messages and events. Everything comes over one connection, so the reply to a
 * command proves that whatever the server published earlier has arrived.
 */
#include "backend/redis/notify/subscription.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/notify/lease_expiry.h"
#include "backend/redis/notify/message_trace.h"
#include "backend/redis/reply/message.h"
#include "backend/util/clock.h"
#include "backend/util/container_of.h"

/* Events stay subscribed for this long after nobody wants them, as somebody may soon want them again. */
#define LINGER_MS 5000

struct subscription {
	struct backend_config config;
	const struct redis_url *url;
	struct connection *connection;
	struct lease_expiry expiry;
	uv_timer_t linger;
	bool closing;
	enum listen_extent wanted; /* the events that are wanted, or were wanted less than LINGER_MS ago */
	bool has_events;           /* the event channel is subscribed */
	bool stranger_reported;    /* a message that is not from lockfs was reported */
	int64_t asked_at_ns;       /* CLOCK_BOOTTIME of the question in on_lease_due(); 0: none is open */
	unsigned int references;   /* to this struct: the timer, the lease ends, the connection */
	struct subscription_handlers handlers;
	backend_started *started; /* NULL once it was called */
	void *started_ctx;
	char *mount_channel;
	char *epoch_channel;
	char *event_channel;
};

static void free_subscription(struct subscription *subscription)
{
	free(subscription->mount_channel);
	free(subscription->epoch_channel);
	free(subscription->event_channel);
	free(subscription);
}

static void drop_reference(struct subscription *subscription)
{
	if (--subscription->references > 0)
		return;
	subscription->handlers.on_freed(subscription->handlers.ctx);
	free_subscription(subscription);
}

static void report_start(struct subscription *subscription, int status, const char *problem)
{
	backend_started *started = subscription->started;

	subscription->started = NULL;
	if (started)
		started(subscription->started_ctx, status, problem);
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx);

/* Sends SUBSCRIBE or UNSUBSCRIBE. Without a connection nothing is sent: on_connected() subscribes to what is wanted. */
static void send_command(struct subscription *subscription, const char *verb, const char *channel)
{
	const char *argv[] = { verb, channel };
	const size_t lengths[] = { strlen(verb), strlen(channel) };
	int err = connection_send(subscription->connection, on_reply, subscription, 2, argv, lengths);

	if (err < 0 && err != -EHOSTDOWN)
		connection_drop(subscription->connection, err, strerror(-err));
}

static void report_gap(const struct subscription *subscription)
{
	if (subscription->config.on_gap)
		subscription->config.on_gap(subscription->config.ctx);
}

static void on_subscribed(struct subscription *subscription, const char *channel)
{
	if (strcmp(channel, subscription->epoch_channel) == 0)
		return;
	if (strcmp(channel, subscription->event_channel) == 0) {
		if (subscription->wanted == LISTEN_NOT)
			return; /* UNSUBSCRIBE is under way */
		subscription->has_events = true;
		report_gap(subscription);
		if (subscription->wanted == LISTEN_ALL)
			subscription->handlers.on_all_events(subscription->handlers.ctx);
		return;
	}
	if (subscription->asked_at_ns) {
		int64_t asked_at_ns = subscription->asked_at_ns;

		subscription->asked_at_ns = 0;
		lease_expiry_end(&subscription->expiry, asked_at_ns);
		return;
	}
	connection_ready(subscription->connection);
	subscription->handlers.on_up(subscription->handlers.ctx);
	report_start(subscription, 0, NULL);
}

/* Reports a message that is not from lockfs, once: its sender may publish all the time. */
static void report_stranger(struct subscription *subscription, const char *channel)
{
	char line[BACKEND_PROBLEM_MAX];

	if (subscription->stranger_reported || !subscription->config.on_notice)
		return;
	subscription->stranger_reported = true;
	snprintf(line, sizeof(line), "%s: a message on the channel %s is not from lockfs and was dropped, "
		"and so are others: see who publishes there", subscription->url->name, channel);
	subscription->config.on_notice(subscription->config.ctx, line);
}

/* Handles a message on the event channel. Returns 0, or -EPROTO if it is not an event. */
static int on_event(struct subscription *subscription, const redisReply *payload)
{
	struct lock_event event;

	/* Events that arrive after UNSUBSCRIBE was sent are dropped, as their ends would not arrive. */
	if (!subscription->has_events)
		return 0;
	if (message_parse_event(payload->str, payload->len, &event) < 0)
		return -EPROTO;
	message_trace_event(&subscription->config, payload->str, &event);
	lease_expiry_tell(&subscription->expiry, &event);
	return 0;
}

/* Handles a message on the mount's channel. Returns 0, or -EPROTO if it is not from lockfs. */
static int on_mount_message(struct subscription *subscription, const redisReply *payload)
{
	struct message message;
	struct lock_event event;
	struct mount_here here;
	int64_t left_ms;

	if (message_parse_here(payload->str, payload->len, &here) == 0) {
		message_trace_here(&subscription->config, payload->str, &here);
		subscription->handlers.on_here(subscription->handlers.ctx, &here);
		return 0;
	}
	if (message_parse_held_lease(payload->str, payload->len, &left_ms, &event) == 0) {
		message_trace_event(&subscription->config, payload->str, &event);
		if (subscription->has_events)
			lease_expiry_adopt(&subscription->expiry, &event, left_ms);
		return 0;
	}
	if (message_parse(payload->str, payload->len, &message) < 0)
		return -EPROTO;
	message_trace(&subscription->config, payload->str, &message);
	subscription->handlers.on_message(subscription->handlers.ctx, &message);
	return 0;
}

static void on_payload(struct subscription *subscription, const char *channel, const redisReply *payload)
{
	int err;

	/* self_test.lua publishes empty messages to check the right to publish. */
	if (payload->len == 0)
		return;
	if (strcmp(channel, subscription->epoch_channel) == 0) {
		subscription->handlers.on_epoch(subscription->handlers.ctx, payload->str);
		return;
	}
	err = strcmp(channel, subscription->event_channel) == 0 ? on_event(subscription, payload) :
		on_mount_message(subscription, payload);
	if (err < 0)
		report_stranger(subscription, channel);
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	enum { KIND, CHANNEL, PAYLOAD, COUNT };
	struct subscription *subscription = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply || subscription->closing)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		connection_refuse(subscription->connection, reply->str);
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

	subscription->asked_at_ns = 0;
	send_command(subscription, "SUBSCRIBE", subscription->epoch_channel);
	send_command(subscription, "SUBSCRIBE", subscription->mount_channel);
	if (subscription->wanted != LISTEN_NOT)
		send_command(subscription, "SUBSCRIBE", subscription->event_channel);
}

static void stop_events(struct subscription *subscription)
{
	subscription->has_events = false;
	lease_expiry_forget(&subscription->expiry);
}

/* The connection is made again without a call, and on_subscribed() reports the gap. */
static void on_lost(void *ctx, int status, const char *problem)
{
	struct subscription *subscription = ctx;

	stop_events(subscription);
	subscription->handlers.on_down(subscription->handlers.ctx, problem);
	/* "": the server moved, and the next attempt follows it. */
	if (*problem)
		report_start(subscription, status, problem);
}

static void on_connection_freed(void *ctx)
{
	drop_reference(ctx);
}

/*
 * A lease seems to be over, but a message about its renewal may not have been read yet. The reply
 * to SUBSCRIBE proves that all earlier messages have been read, so on_subscribed() ends the leases.
 */
static void on_lease_due(struct lease_expiry *expiry)
{
	struct subscription *subscription = container_of(expiry, struct subscription, expiry);

	if (subscription->asked_at_ns)
		return;
	subscription->asked_at_ns = boot_ns();
	send_command(subscription, "SUBSCRIBE", subscription->mount_channel);
}

static void on_linger(uv_timer_t *timer)
{
	struct subscription *subscription = timer->data;

	subscription->wanted = LISTEN_NOT;
	stop_events(subscription);
	send_command(subscription, "UNSUBSCRIBE", subscription->event_channel);
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
		send_command(subscription, "SUBSCRIBE", subscription->event_channel);
	subscription->wanted = extent;
	if (subscription->has_events && more)
		subscription->handlers.on_all_events(subscription->handlers.ctx);
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

struct subscription *subscription_new(const struct backend_config *config, const struct redis_url *url,
                              struct tls_context *tls, const char *mount, const struct subscription_handlers *handlers)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	struct connection_handlers handlers_of_connection = {
		.on_connected = on_connected,
		.on_lost = on_lost,
		.on_freed = on_connection_freed,
		.ctx = subscription,
	};

	if (!subscription)
		return NULL;
	if (asprintf(&subscription->mount_channel, "%s#m:%s", config->namespace_, mount) < 0)
		subscription->mount_channel = NULL;
	if (asprintf(&subscription->epoch_channel, "%s#e", config->namespace_) < 0)
		subscription->epoch_channel = NULL;
	if (asprintf(&subscription->event_channel, "%s#ev", config->namespace_) < 0)
		subscription->event_channel = NULL;
	if (!subscription->mount_channel || !subscription->epoch_channel || !subscription->event_channel ||
		lease_expiry_init(&subscription->expiry, config, on_lease_due) < 0) {
		free_subscription(subscription);
		return NULL;
	}
	subscription->config = *config;
	subscription->url = url;
	subscription->handlers = *handlers;
	subscription->references = 2;
	uv_timer_init(config->loop, &subscription->linger);
	subscription->linger.data = subscription;
	subscription->connection = connection_new(config, url, tls, &handlers_of_connection);
	if (subscription->connection)
		subscription->references++;
	return subscription;
}

struct connection *subscription_connection(const struct subscription *subscription)
{
	return subscription->connection;
}

void subscription_start(struct subscription *subscription, backend_started *started, void *ctx)
{
	subscription->started = started;
	subscription->started_ctx = ctx;
	if (subscription->connection)
		connection_start(subscription->connection);
	else
		report_start(subscription, -ENOMEM, strerror(ENOMEM));
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_reference(handle->data);
}

void subscription_close(struct subscription *subscription)
{
	subscription->closing = true;
	if (subscription->connection)
		connection_close(subscription->connection);
	lease_expiry_close(&subscription->expiry, on_handle_closed, subscription);
	uv_close((uv_handle_t *)&subscription->linger, on_handle_closed);
	report_start(subscription, -ESHUTDOWN, "it was ended before it listened");
}
