/* What the scripts answer, as the words of backend.h. */
#ifndef BACKEND_REDIS_REPLY_H
#define BACKEND_REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/*
 * The word that every answer begins with, as a status: 0, a negative errno, or
 * -EPROTO where it is no answer of ours. `reply` may be anything that came.
 */
int reply_status(const redisReply *reply);

/*
 * Reads a lock (describe() in common.lua). Its texts are the reply's own.
 * `age_ms` is how old the answer may be: it is taken off the lease. Returns 0;
 * -ENOENT where nothing is left of the lease, with the rest read; or -EPROTO.
 */
int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret);

/* Reads a lock or a directory; as reply_lock(). */
int reply_entry(const redisReply *reply, const char *key, int64_t age_ms, struct entry *ret);

/*
 * Reads the names in a directory into an array that the caller frees (NULL where
 * there are none). Returns 0, -ENOMEM or -EPROTO.
 */
int reply_list(const redisReply *reply, struct list_item **ret, size_t *ret_count);

/*
 * Reads a step of a scan, likewise: the names of locks, and the cursor of the
 * next step (`0`: there is none).
 */
int reply_scan(const redisReply *reply, char *cursor, size_t size, struct list_item **ret, size_t *ret_count);

/* Reads an event as common.lua publishes it; its key is within `text`. Returns 0 or -EPROTO. */
int reply_event(const char *text, struct lock_event *ret);

#endif
