/*
 * A connection to each Sentinel that hears of switches. Before it listens, it asks for the other Sentinels, which SOURCE
 * need not name.
 */
#include <stdio.h>
#include <string.h>

#include "backend/redis/net/address_reply.h"
#include "backend/redis/net/sentinel_internal.h"

static const char switch_channel[] = "+switch-master";

static void on_switch(struct sentinels *sentinels, const char *payload)
{
	struct redis_address address;

	if (address_reply_switch(payload, sentinels->base.source->primary_name, &address) == 0)
		primary_move(sentinels->base.primary, &address);
}

static void on_heard(redisAsyncContext *context, void *data, void *ctx)
{
	enum { KIND, CHANNEL, PAYLOAD, COUNT };
	struct sentinel *sentinel = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != COUNT || !reply->element[KIND]->str)
		return;
	if (strcmp(reply->element[KIND]->str, "subscribe") == 0)
		connection_ready(sentinel->hearing);
	else if (reply->element[PAYLOAD]->str)
		on_switch(sentinel->all, reply->element[PAYLOAD]->str);
}

static void subscribe(struct sentinel *sentinel)
{
	static const char *argv[] = { "SUBSCRIBE", switch_channel };
	static const size_t lengths[] = { sizeof("SUBSCRIBE") - 1, sizeof(switch_channel) - 1 };
	int err = connection_send(sentinel->hearing, on_heard, sentinel, 2, argv, lengths);

	if (err < 0)
		connection_drop(sentinel->hearing, err, strerror(-err));
}

bool sentinel_means(const struct sentinel *sentinel, const struct redis_address *address)
{
	return sentinel->address.port == address->port &&
		(strcmp(sentinel->address.host, address->host) == 0 || strcmp(sentinel->ip, address->host) == 0);
}

static void on_others(redisAsyncContext *context, void *data, void *ctx)
{
	struct sentinel *sentinel = ctx;
	const redisReply *reply = data;
	struct redis_address address;

	(void)context;
	if (!reply)
		return;
	connection_progressed(sentinel->hearing);
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
		if (address_reply_sentinel(reply->element[i], &address) == 0)
			sentinels_add(sentinel->all, &address);
	subscribe(sentinel);
}

/* A Sentinel that SOURCE names by its host may have been added by its address, too. */
static void mark_doubles(struct sentinel *sentinel)
{
	struct sentinels *sentinels = sentinel->all;

	snprintf(sentinel->ip, sizeof(sentinel->ip), "%s", connection_address(sentinel->hearing));
	for (size_t i = 0; i < sentinels->count; i++) {
		struct sentinel *other = &sentinels->each[i];

		if (other > sentinel && strcmp(other->ip, sentinel->ip) == 0 && other->address.port == sentinel->address.port)
			other->is_double = true;
		if (other < sentinel && sentinel_means(other, &sentinel->address))
			sentinel->is_double = true;
	}
}

static void on_connected(void *ctx)
{
	struct sentinel *sentinel = ctx;
	const char *argv[] = { "SENTINEL", "SENTINELS", sentinel->all->base.source->primary_name };
	const size_t lengths[] = { strlen(argv[0]), strlen(argv[1]), strlen(argv[2]) };
	int err;

	mark_doubles(sentinel);
	err = connection_send(sentinel->hearing, on_others, sentinel, 3, argv, lengths);
	if (err < 0)
		connection_drop(sentinel->hearing, err, strerror(-err));
}

/* A search tells people why no Sentinel answers; while one does, nobody needs to know. */
static void on_lost(void *ctx, int status, const char *problem)
{
	(void)ctx;
	(void)status;
	(void)problem;
}

static void on_hearing_freed(void *ctx)
{
	const struct sentinel *sentinel = ctx;

	primary_let_go(sentinel->all->base.primary);
}

void sentinel_hear(struct sentinel *sentinel)
{
	const struct sentinels *sentinels = sentinel->all;
	const struct connection_handlers handlers = {
		.on_connected = on_connected, .on_lost = on_lost, .on_freed = on_hearing_freed, .ctx = sentinel,
	};

	sentinel->hearing = connection_new(sentinels->base.config, &sentinel->url, sentinels->base.tls, &handlers);
	if (!sentinel->hearing)
		return;
	primary_hold(sentinels->base.primary);
	connection_hurry(sentinel->hearing);
}
