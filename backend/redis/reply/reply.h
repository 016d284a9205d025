/* What the scripts answer, as the words of backend.h. */
#ifndef BACKEND_REDIS_REPLY_REPLY_H
#define BACKEND_REDIS_REPLY_REPLY_H

#include <hiredis/hiredis.h>

/*
 * The word that every answer begins with, as a status: 0, a negative errno, or
 * -EPROTO where it is no answer of ours. `reply` may be anything that came.
 */
int reply_status(const redisReply *reply);

#endif
