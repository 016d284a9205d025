/*
 * Finds out which server has the locks now, if SOURCE names several or those who know it, and keeps the
 * connections of the mount on it. The connection for calls leads: it looks for the server before each attempt.
 * The others follow: each is connected to the server of the calls, or not at all. All leave a server together.
 */
#ifndef BACKEND_REDIS_NET_PRIMARY_H
#define BACKEND_REDIS_NET_PRIMARY_H

#include "backend/redis/net/connection.h"
#include "backend/redis/net/url.h"

#define PRIMARY_FOLLOWERS_MAX 2 /* the subscription, and the connection that asks for replicas */

struct primary;
struct tls_context;

/*
 * `url` is the source, and means the present server from each search on. It, `tls` and the texts of `config` must outlive
 * this. `freed` is called from the loop after primary_close(). Returns NULL if there is no memory.
 */
struct primary *primary_new(const struct backend_config *config, struct redis_url *url, struct tls_context *tls,
                            void (*freed)(void *ctx), void *ctx);

/* Guides the connection for calls. Must be called once, before it is started. */
void primary_guide_calls(struct primary *primary, struct connection *calls);

/* Guides a connection that follows the calls. Must be called before it is started, for PRIMARY_FOLLOWERS_MAX at most. */
void primary_guide_follower(struct primary *primary, struct connection *connection);

/* Starts to listen for changes. Call it when the connection for calls is started. */
void primary_start(struct primary *primary);

/* The connections that follow the calls are about to be closed. */
void primary_forget_followers(struct primary *primary);

/* Ends everything. Call it after all connections were closed. */
void primary_close(struct primary *primary);

#endif
