/*
 * Acquisitions that wait. Each has a ticket in the server's queue of its key,
 * known by its nonce; when the lock is handed to it, the daemon is told and asks
 * once more, which confirms it. What nobody tells of is looked for: the end of a
 * lease by one timer a key, and a hand-over that was never confirmed by a regular
 * word to the server (the beat) that this mount lives.
 *
 * A ticket outlives a connection: it is asked for again, in its old order, when
 * the server is back within the time limit of a call.
 */
#ifndef BACKEND_REDIS_WAIT_QUEUE_H
#define BACKEND_REDIS_WAIT_QUEUE_H

#include "backend/redis/script_call.h"

struct tickets;

/* What their owner is told, and must not use them for anything from there. */
struct tickets_owner {
	void (*asking)(void *ctx, struct call *call); /* it is about to be sent; its `mark` is the owner's */
	void (*acquired)(void *ctx, const struct call *call, const struct lock *lock);
	void *ctx;
};

/* `calls` must outlive it. NULL where there is no memory. */
struct tickets *tickets_new(const struct backend_config *config, struct calls *calls,
                            const struct tickets_owner *owner);

/* acquire() and cancel() of backend.h, for an acquisition that waits. */
void tickets_acquire(struct tickets *tickets, struct acquisition *acquisition);
void tickets_cancel(struct tickets *tickets, struct acquisition *acquisition);

/* Is this the nonce of a ticket whose caller was not answered yet? */
bool tickets_know(const struct tickets *tickets, const char *nonce);

/* For so many keys this mount has tickets. */
size_t tickets_key_count(const struct tickets *tickets);

/* The server has handed a lock to this ticket. */
void tickets_granted(struct tickets *tickets, const char *nonce);

/* The server cannot be asked for now. */
void tickets_lost(struct tickets *tickets);

/* It can, or it may have told what was not heard: looks after every ticket. */
void tickets_ask_again(struct tickets *tickets);

/* Answers all with -ESHUTDOWN, takes their tickets back, and calls `freed` from the loop when the memory is gone. */
void tickets_close(struct tickets *tickets, void (*freed)(void *ctx), void *ctx);

#endif
