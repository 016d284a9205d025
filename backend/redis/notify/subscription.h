/*
 * The subscriptions of this mount, on a connection of their own: always to the mount's own
 * channel and to the channel of new epochs, and to the event channel of all mounts while somebody wants events.
 */
#ifndef BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H
#define BACKEND_REDIS_NOTIFY_SUBSCRIPTION_H

#include "backend/redis/net/connection.h"
#include "backend/redis/reply/message.h"
#include "lockfs/backend.h"

struct subscription;

struct subscription_handlers {
	/* A message on the channel of this mount. */
	void (*on_message)(void *ctx, const struct message *message);

	/* Another mount answered a WHO on the channel of this mount. */
	void (*on_here)(void *ctx, const struct mount_here *here);

	/* The data of the server may be of this epoch now (lua/include/epoch.lua). */
	void (*on_epoch)(void *ctx, const char *epoch);

	/* The mount's channel is subscribed; earlier messages may have been missed. */
	void (*on_up)(void *ctx);

	/* The connection is lost, or an attempt to make it failed. */
	void (*on_down)(void *ctx, const char *problem);

	/* Events are received to the extent LISTEN_ALL; leases that began earlier must be scanned for. */
	void (*on_all_events)(void *ctx);

	/* The last call, after subscription_close(): the subscription is freed when this returns. */
	void (*on_freed)(void *ctx);

	void *ctx;
};

/* `mount` is the instance of this daemon (see lua/include/names.lua). Returns NULL if there is no memory. */
struct subscription *subscription_new(const struct backend_config *config, const struct redis_url *url,
                              struct tls_context *tls, const char *mount, const struct subscription_handlers *handlers);

/* Connects; `started` is called once, with the result of the first attempt. */
void subscription_start(struct subscription *subscription, backend_started *started, void *ctx);

/* Sets how many events are wanted, as listen() in backend.h. Returns whether events are received now. */
bool subscription_want(struct subscription *subscription, enum listen_extent extent);

/* Is the mount's channel subscribed, as far as is known? */
bool subscription_is_up(const struct subscription *subscription);

/* Makes a new connection, because the present one may be dead without a sign. */
void subscription_renew(struct subscription *subscription);

/*
 * Reads the messages that have arrived. Returns true if every message until now was delivered.
 * Returns false if called from a message callback: more messages may be pending.
 */
bool subscription_is_current(struct subscription *subscription);

/* The connection over which messages come, for net/primary.h; NULL if there was no memory for it. */
struct connection *subscription_connection(const struct subscription *subscription);

/* Ends the subscriptions; on_freed() is called from the loop. */
void subscription_close(struct subscription *subscription);

#endif
