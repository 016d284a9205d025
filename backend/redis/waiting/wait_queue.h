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
#ifndef BACKEND_REDIS_WAITING_WAIT_QUEUE_H
#define BACKEND_REDIS_WAITING_WAIT_QUEUE_H

#include "backend/redis/calls/script_call.h"

struct wait_queue;

/* What their owner is told, and must not use them for anything from there. */
struct wait_queue_handlers {
	void (*asking)(void *ctx, struct script_call *call); /* it is about to be sent; its `mark` is the owner's */
	void (*acquired)(void *ctx, const struct script_call *call, const struct lock *lock);
	void *ctx;
};

/* `calls` must outlive it. NULL where there is no memory. */
struct wait_queue *wait_queue_new(const struct backend_config *config, struct script_calls *calls,
                            const struct wait_queue_handlers *owner);

/* acquire() and cancel() of backend.h, for an acquisition that waits. */
void wait_queue_acquire(struct wait_queue *tickets, struct acquisition *acquisition);
void wait_queue_cancel(struct wait_queue *tickets, struct acquisition *acquisition);

/* Is this the nonce of a ticket whose caller was not answered yet? */
bool wait_queue_has(const struct wait_queue *tickets, const char *nonce);

/* For so many keys this mount has tickets. */
size_t wait_queue_key_count(const struct wait_queue *tickets);

/* The server has handed a lock to this ticket. */
void wait_queue_on_grant(struct wait_queue *tickets, const char *nonce);

/* The server cannot be asked for now. */
void wait_queue_on_down(struct wait_queue *tickets);

/* It can, or it may have told what was not heard: looks after every ticket. */
void wait_queue_ask_again(struct wait_queue *tickets);

/* Answers all with -ESHUTDOWN, takes their tickets back, and calls `freed` from the loop when the memory is gone. */
void wait_queue_close(struct wait_queue *tickets, void (*freed)(void *ctx), void *ctx);

#endif
