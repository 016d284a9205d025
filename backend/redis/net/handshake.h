/*
 * The set-up of a connection before calls go over it: the server ends the connection before this
 * one, loads the scripts and runs a self-test, and its version, mode and eviction policy are
 * checked. If the server refuses any of this, the connection is dropped with the reason.
 */
#ifndef BACKEND_REDIS_NET_HANDSHAKE_H
#define BACKEND_REDIS_NET_HANDSHAKE_H

#include "backend/redis/lua/scripts.h"
#include "backend/redis/net/connection.h"
#include "backend/redis/reply/server_info.h"
#include "lockfs/backend.h"

struct handshake;

typedef void handshake_finished(void *ctx);

/* All arguments must outlive the handshake. Returns NULL if there is no memory. */
struct handshake *handshake_new(const struct backend_config *config, const struct redis_url *url, const char *mount,
                        handshake_finished *finished, void *ctx);
void handshake_free(struct handshake *handshake); /* accepts NULL */

/*
 * Starts on a connection that is connected but not ready. `finished` is called when the set-up is
 * complete, and never if the connection is lost before.
 */
void handshake_begin(struct handshake *handshake, struct connection *connection);

/* The SHA1 by which EVALSHA names the script. Valid after a handshake has finished. */
const char *handshake_sha(const struct handshake *handshake, enum script script);

/* What the server said of itself: the section `server` of INFO. Valid after a handshake has finished. */
const struct server_info *handshake_server(const struct handshake *handshake);

#endif
