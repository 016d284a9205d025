/* Parses the SOURCE of the Redis backend: which server, and as which user. lockfs(1), SOURCE, describes it. */
#ifndef BACKEND_REDIS_NET_URL_H
#define BACKEND_REDIS_NET_URL_H

#include <stdbool.h>

#include "lockfs/backend.h"

struct redis_url {
	char *host;     /* name or address, without brackets; NULL: `path` is set */
	char *path;     /* path of a Unix socket; NULL: `host` is set */
	char *user;     /* NULL: the default user of the server */
	char *password; /* NULL: AUTH is not sent */
	int port;
	int db;         /* number of the database, for SELECT */
	bool tls;
	char *name;     /* for people: `redis://host:port`, without user and password */
};

/*
 * Parses `redis://[[user]:password@]host[:port][/db]`, `rediss://…` or
 * `redis+unix://[[user]:password@]/path[?db=N]`. `password` takes precedence over the one in the
 * text; NULL: only the text counts. Returns 0, or -EINVAL or -ENOMEM and a line in `problem`, and
 * then there is nothing to free.
 */
int redis_url_parse(const char *text, const char *password, struct redis_url *ret,
                       char problem[BACKEND_PROBLEM_MAX]);

/* Wipes the password and frees all texts. */
void redis_url_free(struct redis_url *url);

#endif
