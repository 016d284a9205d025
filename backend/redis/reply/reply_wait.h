/*
 * Reads what acquire.lua and heartbeat.lua answer about keys that this mount waits for.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_WAIT_H
#define BACKEND_REDIS_REPLY_REPLY_WAIT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/* The state of a key that a ticket waits for. */
struct key_state {
	int64_t left_ms; /* rest of the lease; -1: the lease never ends; -2: nobody holds the key */
	int64_t rank;    /* tickets in front of this one; -1: the server does not have this ticket */
	bool foreign;    /* held by another Redis client */
};

/* Bytes of the order of a ticket (a number that sorts the queue), its NUL included. */
#define REPLY_ORDER_MAX 24

/*
 * Reads that a ticket is queued, and its order. `ret_was_alive` is false if the server had taken
 * this mount for dead, and so dropped tickets. Returns 0 or -EPROTO.
 */
int reply_queued(const redisReply *reply, char order[REPLY_ORDER_MAX], struct key_state *ret,
                 bool *ret_was_alive);

/*
 * Reads the states of `count` keys that heartbeat.lua was asked about. `ret_was_alive` as in
 * reply_queued(). Returns 0, or -EPROTO with `states` undefined.
 */
int reply_key_states(const redisReply *reply, bool *ret_was_alive, struct key_state *states, size_t count);

#endif
