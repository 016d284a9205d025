/*
 * Reads locks and directories in a reply, as struct lock and struct entry.
 * A lease is read as shorter than the server said by the age of the reply, so that no holder
 * relies on a lease that has ended at the server.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_LOCK_H
#define BACKEND_REDIS_REPLY_REPLY_LOCK_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/*
 * The longest grace (5 s): the time that a mount has to stop a holder, or to confirm a lock that it
 * was granted. A longer one in the server is taken as damage (GRACE_MAX of lease.lua is the same).
 */
#define GRACE_MAX_MS 5000

/*
 * Reads a lock (describe() in holding.lua). The texts in `ret` are the reply's own. `age_ms` is the
 * most that the reply can be old; it is subtracted from the lease. Returns 0; -ENOENT if the lease
 * has ended by now, with all else read; or -EPROTO.
 */
int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret);

/*
 * Sets the lease of a lock, whose `refreshed_ms` is set, from what the server answered at `now_ms`: what is left of it as PTTL has it,
 * and its length, or NULL. Returns 0; or -ENOENT if the lease has ended by now.
 */
int reply_set_lease(struct lock *lock, int64_t pttl_ms, int64_t now_ms, int64_t age_ms, const char *ttl);

/*
 * Reads a lock or a directory (read.lua). A lock whose lease has ended since the server answered
 * is read with LEASE_MIN_MS left. Returns 0, -ENOENT or -EPROTO.
 */
int reply_entry(const redisReply *reply, const char *key, int64_t age_ms, struct entry *ret);

/*
 * Returns the nonce and token of the acquisition by link(2) that linked the lock, if the calling mount made it and may still
 * undo it; else NULL. They live as long as the reply.
 */
const char *reply_linked(const redisReply *reply, const char **ret_token);

/*
 * Returns the nonce of the acquisition that made this lock, or NULL if that acquisition can no
 * longer be undone. reply_lock() must have read `reply` before.
 */
const char *reply_undoable(const redisReply *reply);

/* Reads the token of the holding that was released. Returns 0 or -EPROTO. */
int reply_token(const redisReply *reply, uint64_t *ret);

/*
 * Reads the token of the holding that is being revoked, and the grace of its holder in ms
 * (at most GRACE_MAX_MS). Returns 0 or -EPROTO.
 */
int reply_revoked(const redisReply *reply, uint64_t *ret_token, int64_t *ret_ms);

#endif
