/* Copies a reply, which hiredis frees when its callback returns. */
#ifndef BACKEND_REDIS_REPLY_REPLY_COPY_H
#define BACKEND_REDIS_REPLY_REPLY_COPY_H

#include <hiredis/hiredis.h>

/* Returns a copy, to be freed by freeReplyObject(), or NULL if there is no memory. */
redisReply *reply_copy(const redisReply *reply);

#endif
