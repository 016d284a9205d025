/*
 * A connection to each Sentinel that hears of switches. Before it listens, it asks for the other Sentinels, which SOURCE
 * need not name.
 */
#include <stdio.h>
#include <string.h>

#include "backend/redis/net/sentinel_internal.h"
#include "backend/util/text/number.h"

static const char switch_channel[] = "+switch-master";

/* A message about a switch: `NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT`. */
static void on_switch(struct sentinels *sentinels, const char *payload)
{
	char name[2 * REDIS_HOST_SIZE], host[REDIS_HOST_SIZE];
	struct redis_address address;
	unsigned int port;

	_Static_assert(REDIS_HOST_SIZE == 254, "the widths below are those of the buffers");
	/* NOLINTNEXTLINE(cert-err34-c): redis_address_set() checks the port, and %5u cannot overflow */
	if (sscanf(payload, "%507s %*s %*s %253s %5u", name, host, &port) != 3 || strcmp(name, sentinels->base.source->primary_name) != 0)
		return;
	if (redis_address_set(&address, host, strlen(host), port) == 0)
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

/* Adds the Sentinel that these fields and values describe. */
static void add_described(struct sentinels *sentinels, const redisReply *fields)
{
	const char *host = NULL;
	uint64_t port = 0;
	struct redis_address address;

	for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements; i += 2) {
		const char *field = fields->element[i]->str;
		const char *value = fields->element[i + 1]->str;

		if (field && value && strcmp(field, "ip") == 0)
			host = value;
		else if (field && value && strcmp(field, "port") == 0)
			(void)number_parse(value, 10, UINT16_MAX, &port);
	}
	if (host && redis_address_set(&address, host, strlen(host), (int64_t)port) == 0)
		sentinels_add(sentinels, &address);
}

static void on_others(redisAsyncContext *context, void *data, void *ctx)
{
	struct sentinel *sentinel = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply)
		return;
	connection_progressed(sentinel->hearing);
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
		add_described(sentinel->all, reply->element[i]);
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
