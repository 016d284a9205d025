/* Reads the epoch and the grace, from hello.lua and from the answer GRACE of other scripts. */
#include "backend/redis/reply/reply_hello.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/reply/reply.h"
#include "backend/redis/reply/reply_fields.h"
#include "lockfs/backend.h"

/* Reads a time in ms; -1: there is none. */
static int64_t left_at(const redisReply *reply, size_t index)
{
	const redisReply *left = reply_element(reply, index, REDIS_REPLY_INTEGER);

	return left && left->integer >= 0 ? reply_at_most(left->integer, BACKEND_GRACE_MAX_MS) : -1;
}

int reply_hello(const redisReply *reply, char epoch[REPLY_EPOCH_SIZE], int64_t *ret_left_ms)
{
	enum { WORD, EPOCH, LEFT };
	const char *text = reply_text(reply, EPOCH);

	*ret_left_ms = left_at(reply, LEFT);
	if (reply_status(reply) != 0 || !text || !*text || strlen(text) >= REPLY_EPOCH_SIZE || *ret_left_ms < 0)
		return -EPROTO;
	stpcpy(epoch, text);
	return 0;
}

int64_t reply_grace(const redisReply *reply)
{
	int64_t left_ms = left_at(reply, 1);

	return left_ms > 0 ? left_ms : 0;
}
