/* The words that scripts answer with, as errnos. */
#include "backend/redis/reply/reply.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"

static const struct {
	const char *word;
	int status;
} words[] = {
	{ "OK", 0 },
	{ "DIR", 0 },
	{ "EEXIST", -EEXIST },
	{ "EBUSY", -EBUSY },
	{ "EXDEV", -EXDEV },
	{ "ENOENT", -ENOENT },
	{ "EPERM", -EPERM },
	{ "EISDIR", -EISDIR },
	{ "ENOTDIR", -ENOTDIR },
	{ "ENOTEMPTY", -ENOTEMPTY },
	{ "ENOTSUP", -ENOTSUP },
	{ "EINVAL", -EINVAL },
	{ "EDEADLK", -EDEADLK },
	{ "ESTALE", -ESTALE },
	{ "EFBIG", -EFBIG },
	{ "EAGAIN", -EAGAIN },
	{ "QUEUED", -EINPROGRESS },
	{ "EPOCH", REPLY_OTHER_EPOCH },
	{ "GRACE", REPLY_GRACE },
	{ "LOST", REPLY_LOST },
};

int reply_status(const redisReply *reply)
{
	const char *word = reply_text(reply, 0);

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].status;
	return -EPROTO;
}
