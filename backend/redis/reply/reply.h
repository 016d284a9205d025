/*
 * The status of a reply: the word that every script answers with first.
 * reply_lock.h, reply_wait.h and reply_list.h read what follows that word. A reply comes from
 * outside, so none of them trusts its shape: they answer -EPROTO to anything unexpected.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_H
#define BACKEND_REDIS_REPLY_REPLY_H

#include <errno.h>
#include <hiredis/hiredis.h>

/* Answers that never reach the caller of a call (epoch.lua, reassert.lua), as statuses that no script answers otherwise. */
#define REPLY_OTHER_EPOCH (-ERESTART) /* EPOCH: nothing was done, as the data are of another epoch */
#define REPLY_GRACE (-EALREADY)       /* GRACE: nothing was done, as nobody acquires yet */
#define REPLY_LOST (-EOWNERDEAD)      /* LOST: another holding has the place of this one */

/*
 * Returns the first word of a reply as a status: 0, a negative errno, or -EPROTO if no script of
 * lockfs answers so. `reply` may be any reply of a server.
 */
int reply_status(const redisReply *reply);

#endif
