/*
 * Parses SOURCE of the Redis backend. Every refusal says what is wrong and shows the whole form; copies
 * of the password are wiped before their memory is freed.
 */
#include "backend/redis/net/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/text/number.h"

#define DEFAULT_PORT 6379
#define DEFAULT_SENTINEL_PORT 26379
#define MAX_PORT 65535
#define MAX_DB 1000000
#define PRIMARY_NAME_MAX 128

static const char *const forms[] = {
	[TOPOLOGY_SERVER] = "redis://[[user]:password@]host[:port][,host...][/db] or redis+unix:///path/to.sock[?db=N]",
	[TOPOLOGY_LIST] = "redis://[[user]:password@]host[:port][,host...][/db]",
	[TOPOLOGY_SENTINEL] = "redis-sentinel://[[user]:password@]host[:port][,host...]/NAME[/db]",
	[TOPOLOGY_CLUSTER] = "redis-cluster://[[user]:password@]host[:port][,host...]",
};

static const char brackets[] = "an IPv6 address stands in brackets, as in [::1]:6379";

static int complain(const struct redis_url *url, char problem[BACKEND_PROBLEM_MAX], const char *what)
{
	snprintf(problem, BACKEND_PROBLEM_MAX, "SOURCE: %s; wanted: %s", what, forms[url->topology]);
	return -EINVAL;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)(digit | 0x20);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Replaces %XX in place; false if XX is not hexadecimal or is NUL. */
static bool decode_percent(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		int high = hex_value(text[1]);
		int low = high < 0 ? -1 : hex_value(text[2]);

		if (low < 0 || (high == 0 && low == 0))
			return false;
		*to++ = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return true;
}

/* Reads a number of 0 to `max`. Returns -1 if the text is none. */
static int read_number(const char *text, int max)
{
	uint64_t number;

	return number_parse(text, 10, (uint64_t)max, &number) == 0 ? (int)number : -1;
}

/* Takes `user:password@`, which ends with the `@` at `end` (NULL: there is none), and moves *at past it. */
static int take_credentials(char **at, char *end, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	char *user = *at;
	char *password;

	if (!end)
		return 0;
	*end = '\0';
	*at = end + 1;
	password = strchr(user, ':');
	if (!password)
		return complain(url, problem, "there is a user and no ':password' before the '@'");
	*password++ = '\0';
	if (!decode_percent(user) || !decode_percent(password))
		return complain(url, problem, "a '%' in user or password is not followed by two hexadecimal digits");
	if (*user && !(url->user = strdup(user)))
		return -ENOMEM;
	if (*password && !url->password && !(url->password = strdup(password)))
		return -ENOMEM;
	return 0;
}

/* Cuts `host`, `host:port` or `[address]:port` in pieces; *port is NULL if there is none. Returns NULL, or what is wrong. */
static const char *cut_host(char *text, char **host, char **port)
{
	*host = text;
	*port = NULL;
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return brackets;
		*host = text + 1;
		*end = '\0';
		if (end[1])
			*port = end + 2;
	} else if ((*port = strchr(text, ':'))) {
		*(*port)++ = '\0';
		if (strchr(*port, ':'))
			return brackets;
	}
	if (strpbrk(*host, "?#"))
		return "behind the server stands nothing but :port and /db";
	if (strpbrk(*host, "[]"))
		return brackets;
	return **host ? NULL : "it names no server";
}

static bool has_address(const struct redis_url *url, const struct redis_address *address)
{
	for (size_t i = 0; i < url->address_count; i++)
		if (redis_address_equals(&url->addresses[i], address))
			return true;
	return false;
}

/* Takes one server of the list. An address that is named twice counts once. */
static int take_address(char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_address address;
	char *host, *port;
	const char *wrong = cut_host(text, &host, &port);
	int number = url->topology == TOPOLOGY_SENTINEL ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT;

	if (wrong)
		return complain(url, problem, wrong);
	if (port)
		number = read_number(port, MAX_PORT);
	if (number <= 0)
		return complain(url, problem, "a port is a number from 1 to 65535");
	if (redis_address_set(&address, host, strlen(host), number) < 0)
		return complain(url, problem, "the name of a host has up to 253 bytes");
	if (has_address(url, &address))
		return 0;
	if (url->address_count == REDIS_ADDRESSES_MAX)
		return complain(url, problem, "it names more than 16 servers");
	url->addresses[url->address_count++] = address;
	return 0;
}

static int take_addresses(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	int err = 0;

	for (char *next; at && err == 0; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		err = take_address(at, url, problem);
	}
	return err;
}

static int take_db(const char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	url->db = *text ? read_number(text, MAX_DB) : 0;
	return url->db < 0 ? complain(url, problem, "a database is a number, such as 0") : 0;
}

static const char *scheme_of(const struct redis_url *url)
{
	switch (url->topology) {
	case TOPOLOGY_SENTINEL:
		return url->tls ? "rediss-sentinel" : "redis-sentinel";
	case TOPOLOGY_CLUSTER:
		return url->tls ? "rediss-cluster" : "redis-cluster";
	default:
		return url->tls ? "rediss" : "redis";
	}
}

/* Sets the name of a source with several addresses. */
static int name_addresses(struct redis_url *url)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];
	size_t size;
	FILE *out = open_memstream(&url->name, &size);

	if (!out)
		return -ENOMEM;
	fprintf(out, "%s://", scheme_of(url));
	for (size_t i = 0; i < url->address_count; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "", redis_address_print(&url->addresses[i], text));
	if (url->primary_name)
		fprintf(out, "/%s", url->primary_name);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* Takes what stands before the first slash, and cuts it there. *rest is what is behind the slash, or NULL. */
static int take_servers(char *at, struct redis_url *url, char **rest, char problem[BACKEND_PROBLEM_MAX])
{
	int err = take_credentials(&at, strrchr(at, '@'), url, problem);

	if (err < 0)
		return err;
	*rest = strchr(at, '/');
	if (*rest)
		*(*rest)++ = '\0';
	return take_addresses(at, url, problem);
}

static int parse_tcp(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	char *db;
	int err = take_servers(at, url, &db, problem);

	if (err == 0 && db)
		err = take_db(db, url, problem);
	if (err < 0)
		return err;
	if (url->address_count > 1) {
		url->topology = TOPOLOGY_LIST;
		return name_addresses(url);
	}
	url->address_count = 0;
	return redis_url_aim(url, &url->addresses[0]);
}

/* Returns whether a Sentinel may watch a primary of this name, and the name needs no escape in a message. */
static bool is_primary_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+=~");

	return length > 0 && length <= PRIMARY_NAME_MAX && !name[length];
}

static int parse_sentinel(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	char *name, *db;
	int err = take_servers(at, url, &name, problem);

	if (err < 0)
		return err;
	if (!name || !*name)
		return complain(url, problem, "behind the Sentinels stands the name of the primary that they watch");
	db = strchr(name, '/');
	if (db)
		*db++ = '\0';
	if (!is_primary_name(name))
		return complain(url, problem, "the name of a primary has letters, digits and .-_ only");
	url->primary_name = strdup(name);
	if (!url->primary_name)
		return -ENOMEM;
	err = db ? take_db(db, url, problem) : 0;
	return err < 0 ? err : name_addresses(url);
}

static int parse_cluster(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	char *rest;
	int err = take_servers(at, url, &rest, problem);

	if (err < 0)
		return err;
	if (rest && *rest)
		return complain(url, problem, "a cluster has no databases, so nothing stands behind its nodes");
	return name_addresses(url);
}

static int parse_unix(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	static const char db_key[] = "?db=";
	char *db;
	/* The path of a socket is absolute, so an '@' after a slash belongs to the path. */
	int err = *at == '/' ? 0 : take_credentials(&at, strstr(at, "@/"), url, problem);

	if (err < 0)
		return err;
	if (*at != '/')
		return complain(url, problem, "the path of a socket is absolute");
	db = strchr(at, '?');
	if (db) {
		if (strncmp(db, db_key, strlen(db_key)) != 0)
			return complain(url, problem, "behind the path of a socket stands nothing or ?db=N");
		*db = '\0';
		err = take_db(db + strlen(db_key), url, problem);
		if (err < 0)
			return err;
	}
	url->path = strdup(at);
	return !url->path || asprintf(&url->name, "redis+unix://%s", url->path) < 0 ? -ENOMEM : 0;
}

static const struct scheme {
	const char *prefix;
	bool tls;
	enum redis_topology topology;
	int (*parse)(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX]);
} schemes[] = {
	{ "redis://", false, TOPOLOGY_SERVER, parse_tcp },
	{ "rediss://", true, TOPOLOGY_SERVER, parse_tcp },
	{ "redis+unix://", false, TOPOLOGY_SERVER, parse_unix },
	{ "redis-sentinel://", false, TOPOLOGY_SENTINEL, parse_sentinel },
	{ "rediss-sentinel://", true, TOPOLOGY_SENTINEL, parse_sentinel },
	{ "redis-cluster://", false, TOPOLOGY_CLUSTER, parse_cluster },
	{ "rediss-cluster://", true, TOPOLOGY_CLUSTER, parse_cluster },
};

static int parse(char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, length) == 0) {
			url->tls = schemes[i].tls;
			url->topology = schemes[i].topology;
			return schemes[i].parse(text + length, url, problem);
		}
	}
	return complain(url, problem, "two slashes follow its scheme");
}

int redis_url_parse(const char *text, const char *password, struct redis_url *ret,
                       char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_url url = { 0 };
	char *copy = strdup(text);
	int err = -ENOMEM;

	if (!copy || (password && !(url.password = strdup(password))))
		goto out;
	err = parse(copy, &url, problem);
out:
	if (err == -ENOMEM)
		snprintf(problem, BACKEND_PROBLEM_MAX, "SOURCE: %s", strerror(ENOMEM));
	if (copy)
		explicit_bzero(copy, strlen(copy));
	free(copy);
	if (err < 0)
		redis_url_free(&url);
	else
		*ret = url;
	return err;
}

void redis_url_free(struct redis_url *url)
{
	if (url->password)
		explicit_bzero(url->password, strlen(url->password));
	free(url->host);
	free(url->path);
	free(url->user);
	free(url->password);
	free(url->name);
	free(url->primary_name);
	slot_guard_free(&url->guard);
	*url = (struct redis_url){ 0 };
}

int redis_url_aim(struct redis_url *url, const struct redis_address *address)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];
	char *host = strdup(address->host);
	char *name;

	if (!host || asprintf(&name, "%s://%s", url->tls ? "rediss" : "redis", redis_address_print(address, text)) < 0) {
		free(host);
		return -ENOMEM;
	}
	free(url->host);
	free(url->name);
	url->host = host;
	url->name = name;
	url->port = address->port;
	return 0;
}

int redis_address_set(struct redis_address *address, const char *host, size_t size, int64_t port)
{
	if (size == 0 || size >= REDIS_HOST_SIZE || memchr(host, '\0', size) || port < 1 || port > MAX_PORT)
		return -EINVAL;
	*address = (struct redis_address){ .port = (int)port };
	memcpy(address->host, host, size);
	return 0;
}

int redis_address_parse(const char *text, struct redis_address *ret)
{
	const char *colon = strrchr(text, ':');

	return colon ? redis_address_set(ret, text, (size_t)(colon - text), read_number(colon + 1, MAX_PORT)) : -EINVAL;
}

bool redis_address_equals(const struct redis_address *one, const struct redis_address *other)
{
	return one->port == other->port && strcmp(one->host, other->host) == 0;
}

const char *redis_address_print(const struct redis_address *address, char text[REDIS_ADDRESS_TEXT_SIZE])
{
	snprintf(text, REDIS_ADDRESS_TEXT_SIZE, strchr(address->host, ':') ? "[%s]:%d" : "%s:%d", address->host, address->port);
	return text;
}
