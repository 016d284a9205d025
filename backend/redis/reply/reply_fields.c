/* Reads single elements of a reply. */
#include "backend/redis/reply/reply_fields.h"

#include <string.h>

#include "backend/util/text/number.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

const redisReply *reply_element(const redisReply *reply, size_t index, int type)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || index >= reply->elements)
		return NULL;
	return reply->element[index]->type == type ? reply->element[index] : NULL;
}

const char *reply_text(const redisReply *reply, size_t index)
{
	const redisReply *text = reply_element(reply, index, REDIS_REPLY_STRING);

	return text ? text->str : NULL;
}

int64_t reply_number(const char *text, int64_t fallback)
{
	int64_t number;

	return text && number_parse_signed(text, &number) == 0 ? number : fallback;
}

int64_t reply_lease(const char *text)
{
	int64_t ms = reply_number(text, 0);

	return ms >= LEASE_MIN_MS && ms <= LEASE_MAX_MS ? ms : 0;
}

int64_t reply_time(const char *text)
{
	int64_t ms = reply_number(text, 0);

	return ms >= 0 && ms <= NOW_MAX_MS ? ms : 0;
}

bool reply_is_name(const char *name)
{
	return name && *name && strlen(name) <= LOCK_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0;
}
