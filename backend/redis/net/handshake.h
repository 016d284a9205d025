/*
 * What a connection needs before calls go over it: the connection before is ended
 * at the server, the scripts are loaded and tried, and the server is looked at for
 * what people must know of. A server that refuses any of it loses the connection,
 * with the reason.
 */
#ifndef BACKEND_REDIS_NET_HANDSHAKE_H
#define BACKEND_REDIS_NET_HANDSHAKE_H

#include "backend/redis/net/connection.h"
#include "backend/redis/scripts.h"
#include "lockfs/backend.h"

struct setup;

typedef void setup_finished(void *ctx);

/* What is given stays the caller's, until setup_free(). NULL where there is no memory. */
struct setup *setup_new(const struct backend_config *config, const struct redis_source *source, const char *mount,
                        setup_finished *finished, void *ctx);
void setup_free(struct setup *setup); /* may be NULL */

/*
 * Begins on a connection that was made, and has its replies until that is lost or closed;
 * `finished` is called once it can be used, and not where it is lost before.
 */
void setup_begin(struct setup *setup, struct connection *connection);

/* The name by which the server knows the script, once a setup has finished. */
const char *setup_sha(const struct setup *setup, enum script script);

#endif
