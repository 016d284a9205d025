/* Locks and directories in a reply. */
#ifndef BACKEND_REDIS_REPLY_REPLY_LOCK_H
#define BACKEND_REDIS_REPLY_REPLY_LOCK_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/*
 * No mount is given longer to stop a holder, or to take a lock that it was handed: what asks
 * for more, as a damaged holding does, is not followed.
 */
#define GRACE_MAX_MS 5000

/*
 * Reads a lock (describe() in holding.lua). Its texts are the reply's own.
 * `age_ms` is how old the answer may be: it is taken off the lease. Returns 0;
 * -ENOENT where nothing is left of the lease, with the rest read; or -EPROTO.
 */
int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret);

/*
 * Reads a lock or a directory, as the server saw it: of a lease that may be over
 * since, LEASE_MIN_MS is left. Returns as reply_lock().
 */
int reply_entry(const redisReply *reply, const char *key, int64_t age_ms, struct entry *ret);

/* The nonce of the acquisition that made this lock, which reply_lock() has read, or NULL where it cannot be undone. */
const char *reply_undoable(const redisReply *reply);

/* Reads the token of what was released. Returns 0 or -EPROTO. */
int reply_token(const redisReply *reply, uint64_t *ret);

/*
 * Reads the token of what is being released, and the time in ms that its holder has: GRACE_MAX_MS
 * at most. Returns 0 or -EPROTO.
 */
int reply_revoked(const redisReply *reply, uint64_t *ret_token, int64_t *ret_ms);

#endif
