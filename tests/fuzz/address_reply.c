/*
 * Fuzz target: what Sentinels and nodes of a cluster say of addresses. Each is refused, or is an address that can be
 * used. The first line is a text: a message or an error. The reply behind it has the format of answer.h.
 */
#include <errno.h>
#include <hiredis/hiredis.h>

#include "backend/redis/net/address_reply.h"
#include "tests/fuzz/answer.h"
#include "tests/fuzz/fuzz.h"

#define SLOT 11826

static void check(int status, const struct redis_address *address)
{
	require(status == 0 || status == -EPROTO, "it is an address or not");
	if (status == 0)
		require(*address->host && strlen(address->host) < REDIS_HOST_SIZE && address->port >= 1 && address->port <= 65535,
			"an address has a host and a port");
}

static void check_text(const char *text)
{
	struct redis_address address;

	check(address_reply_switch(text, "mymaster", &address), &address);
	check(address_reply_moved(text, "::1", &address), &address);
}

static void on_node(void *ctx, const struct redis_address *address, bool has_slot)
{
	(void)ctx;
	(void)has_slot;
	check(0, address);
}

static void check_reply(const redisReply *reply)
{
	struct redis_address address;

	check(address_reply_primary(reply, &address), &address);
	check(address_reply_sentinel(reply, &address), &address);
	address_reply_slots(reply, SLOT, "asked", on_node, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	char *rest = text;
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	char *bytes;

	require(reader != NULL, "there is memory");
	check_text(strsep(&rest, "\n"));
	if (rest) {
		size = strlen(rest);
		bytes = answer_of(rest, &size);
		if (redisReaderFeed(reader, bytes, size) == REDIS_OK && redisReaderGetReply(reader, &reply) == REDIS_OK && reply)
			check_reply(reply);
		free(bytes);
	}
	if (reply)
		freeReplyObject(reply);
	redisReaderFree(reader);
	free(text);
	return 0;
}
