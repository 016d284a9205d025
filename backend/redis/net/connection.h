/*
 * One connection to the server, on the loop: resolved, made, greeted and, when
 * it is lost, made again with a growing pause. Nothing here waits.
 */
#ifndef BACKEND_REDIS_NET_CONNECTION_H
#define BACKEND_REDIS_NET_CONNECTION_H

#include <hiredis/async.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "backend/redis/net/url.h"

struct connection;

/*
 * What its owner is told. `connected`: the server knows who we are, commands can
 * be sent; the owner says connection_ready() when all it needs is set up.
 * `lost`: an attempt failed or the connection broke; every command under way has
 * been answered with NULL. `problem` is one line for people. A new attempt
 * follows by itself.
 */
struct connection_handlers {
	void (*connected)(void *ctx);
	void (*lost)(void *ctx, int status, const char *problem);
	void (*freed)(void *ctx); /* the last call, after connection_close() */
	void *ctx;
};

struct tls_context;

/*
 * `source` and `tls` (NULL: none) must outlive it. NULL where there is no memory.
 * Nothing happens before connection_start().
 */
struct connection *connection_new(const struct backend_config *config, const struct redis_url *source,
                                  struct tls_context *tls, const struct connection_handlers *owner);
void connection_start(struct connection *connection);

/* The server has answered one of the owner's questions before it settled: it has as long for the next as for all before. */
void connection_progressed(struct connection *connection);

/* The connection is fit for use: the next loss begins with a short pause again. */
void connection_ready(struct connection *connection);

/* Gives this connection up and makes a new one; `lost` is told. */
void connection_drop(struct connection *connection, int status, const char *problem);

/* Ends it for good: commands under way are answered with NULL, and `lost` is not told. */
void connection_close(struct connection *connection);

/* Has it settled? */
bool connection_is_up(const struct connection *connection);

/* Is it likely to be up soon? False once it did not answer or could not be made anew at once. */
bool connection_may_reconnect(const struct connection *connection);

/* Sends what was not sent yet, as far as that goes at once. */
void connection_write(struct connection *connection);

/*
 * Takes in replies that have arrived, before the loop comes to it. False where it is
 * doing just that, and a callback called this: hiredis must not be asked to do it within.
 */
bool connection_read(struct connection *connection);

/*
 * Sends a command; `callback` is called exactly once with the reply, or with
 * NULL when the connection is lost first. Returns 0, or -EHOSTDOWN or -ENOMEM
 * and no call will come. The words of a subscription, which is to one channel,
 * outlive the connection.
 */
int connection_send(struct connection *connection, redisCallbackFn *callback, void *ctx, int argc,
                    const char **argv, const size_t *lengths);

#endif
