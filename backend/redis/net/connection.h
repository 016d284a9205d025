/*
 * One connection to the server. It resolves the host, connects, sends AUTH and SELECT, and
 * connects again after a growing pause if it is lost. Nothing here blocks the loop.
 */
#ifndef BACKEND_REDIS_NET_CONNECTION_H
#define BACKEND_REDIS_NET_CONNECTION_H

#include <hiredis/async.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "backend/redis/net/url.h"

struct connection;

struct connection_handlers {
	/* AUTH and SELECT have succeeded: commands can be sent. Call connection_ready() once the set-up is complete. */
	void (*on_connected)(void *ctx);

	/*
	 * An attempt failed or the connection broke. Every command under way has been answered
	 * with NULL. `problem` is one line for people. A new attempt starts without a call.
	 */
	void (*on_lost)(void *ctx, int status, const char *problem);

	/* The last call, after connection_close(): the connection is freed when this returns. */
	void (*on_freed)(void *ctx);

	void *ctx;
};

struct tls_context;

/*
 * Makes a connection that does nothing before connection_start(). `url` and `tls` (NULL: a plain
 * connection) must outlive it. Returns NULL if there is no memory.
 */
struct connection *connection_new(const struct backend_config *config, const struct redis_url *url,
                                  struct tls_context *tls, const struct connection_handlers *handlers);
void connection_start(struct connection *connection);

/* A command of the set-up was answered: restarts the time limit of the attempt. */
void connection_progressed(struct connection *connection);

/* The server runs scripts, so that the connection will soon be ready: calls may wait for it. */
void connection_runs_scripts(struct connection *connection);

/* A connection that is ready is set up once more, as the data of the server are others: it is not up before connection_ready(). */
void connection_set_up_again(struct connection *connection);

/* The set-up is complete: the connection can be used, and the next loss begins with the shortest pause. */
void connection_ready(struct connection *connection);

/* Gives this connection up, calls on_lost() and makes a new one. */
void connection_drop(struct connection *connection, int status, const char *problem);

/* Ends the connection for good: commands under way are answered with NULL, and on_lost() is not called. */
void connection_close(struct connection *connection);

/* Is the connection ready and not breaking? */
bool connection_is_up(const struct connection *connection);

/* Is the connection likely to be ready soon? False after a timeout or a failed reconnect. */
bool connection_may_reconnect(const struct connection *connection);

/* Writes commands that were not written yet, as many as the socket takes without blocking. */
void connection_write(struct connection *connection);

/*
 * Reads replies that have arrived, before the loop does so. Returns false if called from
 * a reply callback: hiredis cannot read within its own callback.
 */
bool connection_read(struct connection *connection);

/*
 * Sends a command; `callback` is called exactly once with the reply, or with NULL if the
 * connection is lost first. Returns 0, or -EHOSTDOWN or -ENOMEM, and then `callback` is not
 * called. SUBSCRIBE and UNSUBSCRIBE take one channel, and both words must outlive the connection.
 */
int connection_send(struct connection *connection, redisCallbackFn *callback, void *ctx, int argc,
                    const char **argv, const size_t *lengths);

#endif
