/* Copies a reply with its elements. The memory is that of freeReplyObject(): of malloc(). */
#include "backend/redis/reply/reply_copy.h"

#include <stdlib.h>
#include <string.h>

static int copy_text(const redisReply *reply, redisReply *copy)
{
	if (!reply->str)
		return 0;
	copy->str = malloc(reply->len + 1);
	if (!copy->str)
		return -1;
	memcpy(copy->str, reply->str, reply->len);
	copy->str[reply->len] = '\0';
	copy->len = reply->len;
	return 0;
}

/* hiredis reads no reply that is nested deeper than 9 levels. */
static int copy_elements(const redisReply *reply, redisReply *copy)
{
	if (reply->elements == 0)
		return 0;
	copy->element = calloc(reply->elements, sizeof(*copy->element));
	if (!copy->element)
		return -1;
	for (; copy->elements < reply->elements; copy->elements++) {
		copy->element[copy->elements] = reply_copy(reply->element[copy->elements]);
		if (!copy->element[copy->elements])
			return -1;
	}
	return 0;
}

redisReply *reply_copy(const redisReply *reply)
{
	redisReply *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->type = reply->type;
	copy->integer = reply->integer;
	if (copy_text(reply, copy) < 0 || copy_elements(reply, copy) < 0) {
		freeReplyObject(copy);
		return NULL;
	}
	return copy;
}
