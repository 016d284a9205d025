/* An acquisition as a call of acquire.lua. */
#ifndef BACKEND_REDIS_CALLS_ACQUIRE_CALL_H
#define BACKEND_REDIS_CALLS_ACQUIRE_CALL_H

#include "backend/redis/calls/script_call.h"

/*
 * A name of one acquisition, by which it can be repeated and undone: not the id,
 * which may be given. Returns 0 or -EIO.
 */
int make_nonce(char nonce[NONCE_SIZE]);

/*
 * The call, without `done`, for the caller to start. `order` is that of the ticket,
 * "0" for a first time. NULL where there is no memory.
 */
struct script_call *acquire_call(struct script_calls *calls, const struct acquisition *acquisition, const char *nonce,
                          const char *order);

/* The lock that was acquired, or that is in its way; as reply_lock(). */
int acquire_reply(const struct script_call *call, int status, const redisReply *reply, int64_t age_ms, struct lock *ret);

#endif
