/*
 * Acquisitions that wait. Each has a ticket in the server's queue of its key, named by a nonce. When the
 * server grants it the lock, this mount gets a GRANT message and calls acquire.lua once more to confirm.
 * Two things are never notified, so they are polled for: lease expiry (one timer per key) and
 * unconfirmed grants (the heartbeat).
 * A ticket outlives a connection: it is queued again, in its old order, if the server is back within
 * the time limit of a call.
 */
#ifndef BACKEND_REDIS_WAITING_WAIT_QUEUE_H
#define BACKEND_REDIS_WAITING_WAIT_QUEUE_H

#include "backend/redis/calls/script_call.h"

struct wait_queue;

/* The handlers must not call this module. */
struct wait_queue_handlers {
	void (*on_asking)(void *ctx, struct script_call *call); /* before a call is sent: the handler sets its `generation` */
	void (*on_acquired)(void *ctx, const struct script_call *call, const struct lock *lock);
	void *ctx;
};

/* `calls` must outlive the queue. Returns NULL if there is no memory. */
struct wait_queue *wait_queue_new(const struct backend_config *config, struct script_calls *calls,
                            const struct wait_queue_handlers *handlers);

/* acquire() and cancel() of backend.h, for an acquisition that waits. */
void wait_queue_acquire(struct wait_queue *queue, struct acquisition *acquisition);
void wait_queue_cancel(struct wait_queue *queue, struct acquisition *acquisition);

/* Returns true if a ticket has this nonce and its caller may not have been answered yet. */
bool wait_queue_has(const struct wait_queue *queue, const char *nonce);

/* Returns the number of keys that this mount waits for. */
size_t wait_queue_key_count(const struct wait_queue *queue);

/* A GRANT message arrived for this ticket. */
void wait_queue_on_grant(struct wait_queue *queue, const char *nonce);

/* The connection was lost: all tickets are LOST until it is back. */
void wait_queue_on_down(struct wait_queue *queue);

/* Calls acquire.lua for every ticket: the server is back, or messages may have been missed. */
void wait_queue_resend(struct wait_queue *queue);

/* Answers all with -ESHUTDOWN and undoes their tickets. The loop calls `on_freed` once the memory is free. */
void wait_queue_close(struct wait_queue *queue, void (*on_freed)(void *ctx), void *ctx);

#endif
