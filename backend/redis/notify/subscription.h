/*
 * What the server tells by itself, on a connection of its own: what concerns this
 * mount, always; and events of all mounts, while they are wanted.
 */
#ifndef BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H
#define BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H

#include "backend/redis/net/connection.h"
#include "backend/redis/reply.h"
#include "lockfs/backend.h"

struct listener;

struct listener_owner {
	void (*told)(void *ctx, const struct message *message);
	void (*listening)(void *ctx); /* from now on; what came before may have been missed */
	void (*deaf)(void *ctx, const char *problem); /* it is not listening any more; also told of each attempt that fails */
	void (*hears)(void *ctx);     /* all events from now on, to the extent LISTEN_ALL: what began before is to be asked for */
	void (*freed)(void *ctx);     /* the last call, after listener_close() */
	void *ctx;
};

/* `mount` names this daemon among all (see include/names.lua). NULL where there is no memory. */
struct listener *listener_new(const struct backend_config *config, const struct redis_url *source,
                              struct tls_context *tls, const char *mount, const struct listener_owner *owner);

/* `started` is told once how the first attempt at listening ended. */
void listener_start(struct listener *listener, backend_started *started, void *ctx);

/* See listen() in backend.h. */
bool listener_want(struct listener *listener, enum listen_extent extent);

/* Is it connected, as far as is known? */
bool listener_is_up(const struct listener *listener);

/* Listens on a new connection: the present one may be dead without a sign. */
void listener_renew(struct listener *listener);

/*
 * Takes in what has arrived by now. Is it listening, so that it would have been told?
 * False also to who is called by it: there may be more behind what it is telling.
 */
bool listener_is_current(struct listener *listener);

void listener_close(struct listener *listener);

#endif
