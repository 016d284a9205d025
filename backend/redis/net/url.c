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
		return complain(problem, "there is a user and no ':password' before the '@'");
	*password++ = '\0';
	if (!decode_percent(user) || !decode_percent(password))
		return complain(problem, "a '%' in user or password is not followed by two hexadecimal digits");
	if (*user && !(url->user = strdup(user)))
		return -ENOMEM;
	if (*password && !url->password && !(url->password = strdup(password)))
		return -ENOMEM;
	return 0;
}

/* Takes `host`, `host:port` or `[address]:port`. */
static int take_host(char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
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
	url->port = port ? read_number(port, MAX_PORT) : DEFAULT_PORT;
	if (url->port <= 0)
		return complain(problem, "a port is a number from 1 to 65535");
	url->host = strdup(host);
	return url->host ? 0 : -ENOMEM;
}

static int take_db(const char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	url->db = *text ? read_number(text, MAX_DB) : 0;
	return url->db < 0 ? complain(problem, "a database is a number, such as 0") : 0;
}

static int parse_tcp(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	char *db;
	int err = take_credentials(&at, strrchr(at, '@'), url, problem);

	if (err < 0)
		return err;
	db = strchr(at, '/');
	if (db)
		*db++ = '\0';
	err = take_host(at, url, problem);
	if (err == 0 && db)
		err = take_db(db, url, problem);
	if (err < 0)
		return err;
	return asprintf(&url->name, strchr(url->host, ':') ? "%s://[%s]:%d" : "%s://%s:%d",
		       url->tls ? "rediss" : "redis", url->host, url->port) < 0 ?
		-ENOMEM :
		0;
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
		return complain(problem, "the path of a socket is absolute");
	db = strchr(at, '?');
	if (db) {
		if (strncmp(db, db_key, strlen(db_key)) != 0)
			return complain(problem, "behind the path of a socket stands nothing or ?db=N");
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
	int (*parse)(char *at, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX]);
} schemes[] = {
	{ "redis://", false, parse_tcp },
	{ "rediss://", true, parse_tcp },
	{ "redis+unix://", false, parse_unix },
};

static int parse(char *text, struct redis_url *url, char problem[BACKEND_PROBLEM_MAX])
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (strncmp(text, schemes[i].prefix, length) == 0) {
			url->tls = schemes[i].tls;
			return schemes[i].parse(text + length, url, problem);
		}
	}
	return complain(problem, "two slashes follow its scheme");
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
	*url = (struct redis_url){ 0 };
}
