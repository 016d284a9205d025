/* Parses the SOURCE of the Redis backend: which servers, and as which user. lockfs(1), SOURCE, describes it. */
#ifndef BACKEND_REDIS_NET_URL_H
#define BACKEND_REDIS_NET_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/redis/net/slot.h"
#include "lockfs/backend.h"

#define REDIS_ADDRESSES_MAX 16
#define REDIS_HOST_SIZE 254 /* bytes of a host in a list, its NUL included: the longest name of the DNS */

struct redis_address {
	char host[REDIS_HOST_SIZE]; /* name or address, without brackets */
	int port;
};

enum redis_topology {
	TOPOLOGY_SERVER,   /* one server: `host` and `port`, or `path` */
	TOPOLOGY_LIST,     /* the one of `addresses` that is primary */
	TOPOLOGY_SENTINEL, /* the primary that the Sentinels at `addresses` name */
	TOPOLOGY_CLUSTER,  /* the node of the namespace's slot, which the nodes at `addresses` name */
};

struct redis_url {
	char *host;     /* name or address, without brackets; NULL: `path` is set, or no server was found yet */
	char *path;     /* path of a Unix socket, or NULL */
	char *user;     /* NULL: the default user of the server */
	char *password; /* NULL: AUTH is not sent */
	int port;       /* of `host` */
	int db;         /* number of the database, for SELECT */
	bool tls;
	char *name;     /* for people: `redis://host:port`, without user and password */

	enum redis_topology topology;
	size_t address_count; /* 0: TOPOLOGY_SERVER */
	struct redis_address addresses[REDIS_ADDRESSES_MAX]; /* all different */
	char *primary_name;   /* the name by which Sentinels know the primary; else NULL */
	struct slot_guard guard; /* of a cluster, once the namespace is known */
};

/*
 * Parses `redis://[[user]:password@]host[:port][,host…][/db]`, `redis+unix://[[user]:password@]/path[?db=N]`,
 * `redis-sentinel://[[user]:password@]host[:port][,host…]/NAME[/db]`,
 * `redis-cluster://[[user]:password@]host[:port][,host…]`, or one of them with `rediss` instead of `redis`, for
 * TLS. `password` takes precedence over the one in the text; NULL: only the text counts. Returns 0, or
 * -EINVAL or -ENOMEM and a line in `problem`, and then there is nothing to free.
 */
int redis_url_parse(const char *text, const char *password, struct redis_url *ret,
                       char problem[BACKEND_PROBLEM_MAX]);

/* Wipes the password and frees all texts. */
void redis_url_free(struct redis_url *url);

/* Makes `url` mean the server at this address, and names it so. Returns 0, or -ENOMEM and nothing has changed. */
int redis_url_aim(struct redis_url *url, const struct redis_address *address);

/* Reads `host:port`, also where the host is an IPv6 address without brackets. Returns 0 or -EINVAL. */
int redis_address_parse(const char *text, struct redis_address *ret);

/* Sets the host, `size` bytes, and the port. Returns 0, or -EINVAL if the host is empty or too long, or the port no port. */
int redis_address_set(struct redis_address *address, const char *host, size_t size, int64_t port);

bool redis_address_equals(const struct redis_address *one, const struct redis_address *other);

/* Bytes of an address as text, with brackets, colon, port and NUL. */
#define REDIS_ADDRESS_TEXT_SIZE (REDIS_HOST_SIZE + 9)

/* Prints `host:port` or `[address]:port`. Returns `text`. */
const char *redis_address_print(const struct redis_address *address, char text[REDIS_ADDRESS_TEXT_SIZE]);

#endif
