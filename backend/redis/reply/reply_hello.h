/*
 * Reads the answer of hello.lua: the epoch of the server's data and the grace.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_HELLO_H
#define BACKEND_REDIS_REPLY_REPLY_HELLO_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#define REPLY_EPOCH_SIZE 64 /* bytes of an epoch, its NUL included: a nonce of reclaim.c */

/* Reads the epoch, and what is left of the grace in ms, BACKEND_GRACE_MAX_MS at most. Returns 0 or -EPROTO. */
int reply_hello(const redisReply *reply, char epoch[REPLY_EPOCH_SIZE], int64_t *ret_left_ms);

/* Reads what is left of the grace in ms from the answer GRACE (answer_grace() of epoch.lua). Damage reads as 0. */
int64_t reply_grace(const redisReply *reply);

#endif
