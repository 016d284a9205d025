/* How it stands with keys that tickets wait for, in a reply. */
#ifndef BACKEND_REDIS_REPLY_REPLY_WAIT_H
#define BACKEND_REDIS_REPLY_REPLY_WAIT_H

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stdint.h>

/* How it stands with a key that a ticket waits for. */
struct key_look {
	int64_t left_ms; /* of the lease: -1: it never ends, -2: nobody holds the key */
	int64_t rank;    /* how many tickets are before this one; -1: the server does not know it */
	bool foreign;    /* held by a client that takes locks past lockfs */
};

/* Bytes of the order of a ticket, its NUL included. */
#define REPLY_ORDER_MAX 24

/* Reads that a ticket is queued. Returns 0 or -EPROTO. */
int reply_queued(const redisReply *reply, char order[REPLY_ORDER_MAX], struct key_look *ret,
                 bool *ret_was_alive);

/*
 * Reads what heartbeat.lua found of `count` keys, and whether the server had taken
 * this mount for alive. Returns 0 or -EPROTO, with `looks` undefined.
 */
int reply_looks(const redisReply *reply, bool *ret_was_alive, struct key_look *looks, size_t count);

#endif
