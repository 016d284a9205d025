/* Parses the SOURCE of the Redis backend: which server, and as which user. lockfs(1), SOURCE, describes it. */
#ifndef BACKEND_REDIS_NET_URL_H
#define BACKEND_REDIS_NET_URL_H

#include <stdbool.h>

#include "lockfs/backend.h"

struct redis_url {
	char *host;     /* name or address, without brackets; NULL: a socket */
	char *path;     /* of a unix socket; NULL: TCP */
	char *user;     /* NULL: the default user */
	char *password; /* NULL: none is needed */
	int port;
	int db;
	bool tls;
	char *name; /* for people: `redis://host:port` without user and password */
};

/*
 * Reads `redis://[[user]:password@]host[:port][/db]`, `rediss://…` or
 * `redis+unix://[[user]:password@]/path[?db=N]`; `password` (or NULL) counts before the one in the
 * text. Returns 0, or -EINVAL or -ENOMEM and a line in `problem`, with nothing to free.
 */
int redis_url_parse(const char *text, const char *password, struct redis_url *ret,
                       char problem[BACKEND_PROBLEM_MAX]);
void redis_url_free(struct redis_url *source);

#endif
