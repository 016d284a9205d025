/* Reads addresses of servers as Sentinels and nodes of a cluster write them. */
#include "backend/redis/net/address_reply.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backend/util/text/number.h"

static int set(struct redis_address *ret, const char *host, int64_t port)
{
	return redis_address_set(ret, host, strlen(host), port) < 0 ? -EPROTO : 0;
}

int address_reply_primary(const redisReply *reply, struct redis_address *ret)
{
	uint64_t port;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str || !reply->element[1]->str ||
		number_parse(reply->element[1]->str, 10, UINT16_MAX, &port) < 0)
		return -EPROTO;
	return set(ret, reply->element[0]->str, (int64_t)port);
}

int address_reply_sentinel(const redisReply *fields, struct redis_address *ret)
{
	const char *host = NULL;
	uint64_t port = 0;

	for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements; i += 2) {
		const char *field = fields->element[i]->str;
		const char *value = fields->element[i + 1]->str;

		if (field && value && strcmp(field, "ip") == 0)
			host = value;
		else if (field && value && strcmp(field, "port") == 0)
			(void)number_parse(value, 10, UINT16_MAX, &port);
	}
	return host ? set(ret, host, (int64_t)port) : -EPROTO;
}

int address_reply_switch(const char *payload, const char *name, struct redis_address *ret)
{
	char named[2 * REDIS_HOST_SIZE], host[REDIS_HOST_SIZE];
	unsigned int port;

	_Static_assert(REDIS_HOST_SIZE == 254, "the widths below are those of the buffers");
	/* NOLINTNEXTLINE(cert-err34-c): set() checks the port, and %5u cannot overflow */
	if (sscanf(payload, "%507s %*s %*s %253s %5u", named, host, &port) != 3 || strcmp(named, name) != 0)
		return -EPROTO;
	return set(ret, host, port);
}

int address_reply_moved(const char *text, const char *host, struct redis_address *ret)
{
	const char *at = strrchr(text, ' ');
	char whole[REDIS_ADDRESS_TEXT_SIZE];

	if (!at || strlen(at) >= sizeof(whole))
		return -EPROTO;
	at++;
	snprintf(whole, sizeof(whole), "%s%s", *at == ':' ? host : "", at);
	return redis_address_parse(whole, ret) < 0 ? -EPROTO : 0;
}

/* Reads [host, port, …] of a node. A node that does not know its own host leaves it out. */
static int read_node(const redisReply *reply, const char *asked, struct redis_address *ret)
{
	const char *host;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[1]->type != REDIS_REPLY_INTEGER)
		return -EPROTO;
	host = reply->element[0]->str;
	return set(ret, !host || !*host || strcmp(host, "?") == 0 ? asked : host, reply->element[1]->integer);
}

static bool is_range(const redisReply *range)
{
	return range->type == REDIS_REPLY_ARRAY && range->elements >= 3 && range->element[0]->type == REDIS_REPLY_INTEGER &&
		range->element[1]->type == REDIS_REPLY_INTEGER;
}

void address_reply_slots(const redisReply *reply, unsigned int slot, const char *host,
                         void (*on_node)(void *ctx, const struct redis_address *address, bool has_slot), void *ctx)
{
	struct redis_address address;

	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		const redisReply *range = reply->element[i];
		bool has_slot = is_range(range) && range->element[0]->integer <= slot && range->element[1]->integer >= slot;

		for (size_t j = 2; is_range(range) && j < range->elements; j++)
			if (read_node(range->element[j], host, &address) == 0)
				on_node(ctx, &address, has_slot && j == 2);
	}
}
