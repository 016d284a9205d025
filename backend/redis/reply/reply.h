/*
 * The status of a reply: the word that every script answers with first.
 * reply_lock.h, reply_wait.h and reply_list.h read what follows that word. A reply comes from
 * outside, so none of them trusts its shape: they answer -EPROTO to anything unexpected.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_H
#define BACKEND_REDIS_REPLY_REPLY_H

#include <hiredis/hiredis.h>

/*
 * Returns the first word of a reply as a status: 0, a negative errno, or -EPROTO if no script of
 * lockfs answers so. `reply` may be any reply of a server.
 */
int reply_status(const redisReply *reply);

#endif
