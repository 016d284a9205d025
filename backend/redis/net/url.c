#include "backend/redis/net/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 6379
#define MAX_PORT 65535
#define MAX_DB 1000000

static const char wanted[] = "redis://[[user]:password@]host[:port][/db] or redis+unix:///path/to.sock[?db=N]";
static const char brackets[] = "an IPv6 address stands in brackets, as in [::1]:6379";

static int complain(char problem[BACKEND_PROBLEM_MAX], const char *what)
{
	snprintf(problem, BACKEND_PROBLEM_MAX, "SOURCE: %s; wanted: %s", what, wanted);
	return -EINVAL;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)(digit | 0x20);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Replaces %XX in place; false where that is no byte, or NUL. */
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

/* Reads a whole number of 0 to `most`; -1 where it is none. */
static int read_number(const char *text, int most)
{
	long number = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + (*text - '0');
		if (number > most)
			return -1;
	}
	return (int)number;
}

/* `user:password@` in front of the server, up to the `@` at `end` (NULL: there are none); *at moves behind it. */
static int take_credentials(char **at, char *end, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	char *user = *at;
	char *password;

	if (!end)
		return 0;
	*end = '\0';
	*at = end + 1;
	password = strchr(user, ':');
	if (!password)
		return complain(problem, "there is a user and no ':password' before the '@'");
	*password++ = '\0';
	if (!decode_percent(user) || !decode_percent(password))
		return complain(problem, "a '%' in user or password is not followed by two hexadecimal digits");
	if (*user && !(source->user = strdup(user)))
		return -ENOMEM;
	if (*password && !source->password && !(source->password = strdup(password)))
		return -ENOMEM;
	return 0;
}

/* `host`, `host:port`, `[address]:port`. */
static int take_host(char *text, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	char *host = text;
	char *port = NULL;

	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return complain(problem, brackets);
		host = text + 1;
		*end = '\0';
		if (end[1])
			port = end + 2;
	} else if ((port = strchr(text, ':'))) {
		*port++ = '\0';
		if (strchr(port, ':'))
			return complain(problem, brackets);
	}
	if (strpbrk(host, "?#"))
		return complain(problem, "behind the server stands nothing but :port and /db");
	if (strpbrk(host, "[]"))
		return complain(problem, brackets);
	if (!*host)
		return complain(problem, "it names no server");
	source->port = port ? read_number(port, MAX_PORT) : DEFAULT_PORT;
	if (source->port <= 0)
		return complain(problem, "a port is a number from 1 to 65535");
	source->host = strdup(host);
	return source->host ? 0 : -ENOMEM;
}

static int take_db(const char *text, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	source->db = *text ? read_number(text, MAX_DB) : 0;
	return source->db < 0 ? complain(problem, "a database is a number, such as 0") : 0;
}

static int parse_tcp(char *at, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	char *db;
	int err = take_credentials(&at, strrchr(at, '@'), source, problem);

	if (err < 0)
		return err;
	db = strchr(at, '/');
	if (db)
		*db++ = '\0';
	err = take_host(at, source, problem);
	if (err == 0 && db)
		err = take_db(db, source, problem);
	if (err < 0)
		return err;
	return asprintf(&source->name, strchr(source->host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
		       source->tls ? "rediss" : "redis", source->host, source->port) < 0 ?
		-ENOMEM :
		0;
}

static int parse_unix(char *at, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	static const char db_key[] = "?db=";
	char *db;
	/* An '@' in the path of a socket belongs to it; the path is absolute. */
	int err = *at == '/' ? 0 : take_credentials(&at, strstr(at, "@/"), source, problem);

	if (err < 0)
		return err;
	if (*at != '/')
		return complain(problem, "the path of a socket is absolute");
	db = strchr(at, '?');
	if (db) {
		if (strncmp(db, db_key, strlen(db_key)) != 0)
			return complain(problem, "behind the path of a socket stands nothing or ?db=N");
		*db = '\0';
		err = take_db(db + strlen(db_key), source, problem);
		if (err < 0)
			return err;
	}
	source->path = strdup(at);
	return !source->path || asprintf(&source->name, "redis+unix://%s", source->path) < 0 ? -ENOMEM : 0;
}

static const struct scheme {
	const char *prefix;
	bool tls;
	int (*parse)(char *at, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX]);
} schemes[] = {
	{ "redis://", false, parse_tcp },
	{ "rediss://", true, parse_tcp },
	{ "redis+unix://", false, parse_unix },
};

static int parse(char *text, struct redis_url *source, char problem[BACKEND_PROBLEM_MAX])
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, length) == 0) {
			source->tls = schemes[i].tls;
			return schemes[i].parse(text + length, source, problem);
		}
	}
	return complain(problem, "two slashes follow its scheme");
}

int redis_url_parse(const char *text, const char *password, struct redis_url *ret,
                       char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_url source = { 0 };
	char *copy = strdup(text);
	int err = -ENOMEM;

	if (!copy || (password && !(source.password = strdup(password))))
		goto out;
	err = parse(copy, &source, problem);
out:
	if (err == -ENOMEM)
		snprintf(problem, BACKEND_PROBLEM_MAX, "SOURCE: %s", strerror(ENOMEM));
	if (copy)
		explicit_bzero(copy, strlen(copy));
	free(copy);
	if (err < 0)
		redis_url_free(&source);
	else
		*ret = source;
	return err;
}

void redis_url_free(struct redis_url *source)
{
	if (source->password)
		explicit_bzero(source->password, strlen(source->password));
	free(source->host);
	free(source->path);
	free(source->user);
	free(source->password);
	free(source->name);
	*source = (struct redis_url){ 0 };
}
