/*
 * What the server tells by itself, on a connection of its own: what concerns this
 * mount, always; and events of all mounts, while they are wanted.
 */
#ifndef BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H
#define BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H

#include "backend/redis/net/connection.h"
#include "backend/redis/reply/message.h"
#include "lockfs/backend.h"

struct subscription;

struct subscription_handlers {
	void (*told)(void *ctx, const struct message *message);
	void (*listening)(void *ctx); /* from now on; what came before may have been missed */
	void (*deaf)(void *ctx, const char *problem); /* it is not listening any more; also told of each attempt that fails */
	void (*hears)(void *ctx);     /* all events from now on, to the extent LISTEN_ALL: what began before is to be asked for */
	void (*freed)(void *ctx);     /* the last call, after subscription_close() */
	void *ctx;
};

/* `mount` names this daemon among all (see include/names.lua). NULL where there is no memory. */
struct subscription *subscription_new(const struct backend_config *config, const struct redis_url *source,
                              struct tls_context *tls, const char *mount, const struct subscription_handlers *owner);

/* `started` is told once how the first attempt at listening ended. */
void subscription_start(struct subscription *subscription, backend_started *started, void *ctx);

/* See listen() in backend.h. */
bool subscription_want(struct subscription *subscription, enum listen_extent extent);

/* Is it connected, as far as is known? */
bool subscription_is_up(const struct subscription *subscription);

/* Listens on a new connection: the present one may be dead without a sign. */
void subscription_renew(struct subscription *subscription);

/*
 * Takes in what has arrived by now. Is it listening, so that it would have been told?
 * False also to who is called by it: there may be more behind what it is telling.
 */
bool subscription_is_current(struct subscription *subscription);

void subscription_close(struct subscription *subscription);

#endif
