/*
 * Words about the end of a holding that came before the answer which says who has it:
 * they come over another connection, and may overtake it. They are kept until then,
 * each once, and no more than EARLY_MAX of them, as anybody can publish.
 */
#ifndef BACKEND_REDIS_EARLY_NOTICES_H
#define BACKEND_REDIS_EARLY_NOTICES_H

#include "backend/redis/reply/message.h"

#define EARLY_MAX 1024

struct early_notice;

struct early_notices {
	struct early_notice *first; /* NULL: none are kept */
	size_t count;
};

/* Keeps one. Returns 0, also where it is kept already; -ENOMEM; or -ENOBUFS where too many are. */
int early_notices_add(struct early_notices *words, const struct message *message);

/* Tells all that are kept about this key, and keeps them no more. */
void early_notices_deliver(struct early_notices *words, const char *key,
                void (*tell)(void *ctx, const struct message *message), void *ctx);

void early_notices_drop_all(struct early_notices *words);

#endif
