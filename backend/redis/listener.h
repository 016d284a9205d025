/* Events of all mounts, on a connection of its own that is there only while somebody listens. */
#ifndef BACKEND_REDIS_LISTENER_H
#define BACKEND_REDIS_LISTENER_H

#include "backend/redis/connection.h"
#include "lockfs/backend.h"

struct listener;

/* NULL where there is no memory. */
struct listener *listener_new(const struct backend_config *config, const struct redis_source *source,
                              struct tls_context *tls, void (*freed)(void *ctx), void *ctx);

/* See listen() in backend.h. */
void listener_want(struct listener *listener, bool wanted);

/* `freed` is called from the loop when the memory may go. */
void listener_close(struct listener *listener);

#endif
