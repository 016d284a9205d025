/*
 * Notifications that a lock ended, received before the reply that says that this mount acquired it.
 * They come over another connection and can overtake the reply, so they are buffered until then.
 * Anybody can publish, so each is kept once, and EARLY_MAX of them at most.
 */
#ifndef BACKEND_REDIS_EARLY_NOTICES_H
#define BACKEND_REDIS_EARLY_NOTICES_H

#include "backend/redis/reply/message.h"

#define EARLY_MAX 1024

struct early_notice;

struct early_notices {
	struct early_notice *first; /* NULL: the buffer is empty */
	size_t count;
};

/* Buffers a notice. Returns 0, also if the same notice is buffered already; -ENOMEM; or -ENOBUFS if the buffer is full. */
int early_notices_add(struct early_notices *notices, const struct message *message);

/* Takes all notices about this key out of the buffer and calls `deliver` with each. */
void early_notices_deliver(struct early_notices *notices, const char *key,
                void (*deliver)(void *ctx, const struct message *message), void *ctx);

void early_notices_drop_all(struct early_notices *notices);

#endif
