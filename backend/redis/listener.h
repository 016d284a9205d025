/*
 * What the server tells by itself, on a connection of its own: that another mount
 * touched a lock of this one, always; and events of all mounts, while they are
 * wanted.
 */
#ifndef BACKEND_REDIS_LISTENER_H
#define BACKEND_REDIS_LISTENER_H

#include "backend/redis/connection.h"
#include "lockfs/backend.h"

struct listener;

struct listener_owner {
	void (*touched)(void *ctx, const char *key); /* NULL: any may have been, as it was not listening */
	void (*freed)(void *ctx);                    /* the last call, after listener_close() */
	void *ctx;
};

/* `mount` names this daemon among all (see common.lua). NULL where there is no memory. */
struct listener *listener_new(const struct backend_config *config, const struct redis_source *source,
                              struct tls_context *tls, const char *mount, const struct listener_owner *owner);

/* `started` is told once how the first attempt at listening ended. */
void listener_start(struct listener *listener, backend_started *started, void *ctx);

/* See listen() in backend.h. */
void listener_want(struct listener *listener, bool wanted);

/* Takes in what has arrived by now. Is it listening, so that it would have been told? */
bool listener_is_current(struct listener *listener);

void listener_close(struct listener *listener);

#endif
