/*
 * What a connection needs before calls go over it: the connection before is ended
 * at the server, the scripts are loaded and tried, and the server is looked at for
 * what people must know of. A server that refuses any of it loses the connection,
 * with the reason.
 */
#ifndef BACKEND_REDIS_NET_HANDSHAKE_H
#define BACKEND_REDIS_NET_HANDSHAKE_H

#include "backend/redis/lua/scripts.h"
#include "backend/redis/net/connection.h"
#include "lockfs/backend.h"

struct handshake;

typedef void handshake_finished(void *ctx);

/* What is given stays the caller's, until handshake_free(). NULL where there is no memory. */
struct handshake *handshake_new(const struct backend_config *config, const struct redis_url *source, const char *mount,
                        handshake_finished *finished, void *ctx);
void handshake_free(struct handshake *handshake); /* may be NULL */

/*
 * Begins on a connection that was made, and has its replies until that is lost or closed;
 * `finished` is called once it can be used, and not where it is lost before.
 */
void handshake_begin(struct handshake *handshake, struct connection *connection);

/* The name by which the server knows the script, once a handshake has finished. */
const char *handshake_sha(const struct handshake *handshake, enum script script);

#endif
