/* Fuzz target: the SOURCE of the Redis backend. What is parsed can be printed, and is then parsed as the same. */
#include <errno.h>

#include "backend/redis/net/url.h"
#include "tests/fuzz/fuzz.h"

static void write_encoded(FILE *out, const char *text)
{
	for (; text && *text; text++)
		fprintf(out, "%%%02x", (unsigned char)*text);
}

static void write_credentials(FILE *out, const struct redis_url *source)
{
	if (!source->user && !source->password)
		return;
	write_encoded(out, source->user);
	fputc(':', out);
	write_encoded(out, source->password);
	fputc('@', out);
}

/* The one way to write a source. The caller frees it. */
static char *write_source(const struct redis_url *source)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	require(out != NULL, "there is memory");
	fputs(source->path ? "redis+unix://" : source->tls ? "rediss://" : "redis://", out);
	write_credentials(out, source);
	if (source->path)
		fprintf(out, "%s?db=%d", source->path, source->db);
	else
		fprintf(out, strchr(source->host, ':') ? "[%s]:%d/%d" : "%s:%d/%d", source->host, source->port,
			source->db);
	fclose(out);
	return text;
}

static void check_problem(int status, const char *problem)
{
	require(status == -EINVAL, "a bad source is EINVAL");
	require(strncmp(problem, "SOURCE: ", strlen("SOURCE: ")) == 0, "a problem says that it is the source's");
	require(strlen(problem) < BACKEND_PROBLEM_MAX && !strchr(problem, '\n'), "a problem is one line");
}

static void check_fields(const struct redis_url *source)
{
	require(!source->host != !source->path, "it is a host or a socket");
	require(!source->host || (*source->host && source->port >= 1 && source->port <= 65535), "a host has a port");
	require(!source->path || (*source->path == '/' && !source->tls), "the path of a socket is absolute");
	require(source->db >= 0, "a database is a number");
	require(!source->user || *source->user, "a user has a name");
	require(!source->password || *source->password, "a password is not empty");
}

static void check_same_place(const struct redis_url *one, const struct redis_url *other)
{
	require(same_text(one->host, other->host) && same_text(one->path, other->path) && one->port == other->port &&
			one->tls == other->tls && same_text(one->name, other->name),
		"it is the same server");
}

static void check_written(const struct redis_url *source)
{
	char problem[BACKEND_PROBLEM_MAX];
	struct redis_url again;
	char *text = write_source(source);

	require(redis_url_parse(text, NULL, &again, problem) == 0, "what is written is understood");
	check_same_place(source, &again);
	require(source->db == again.db, "it is the same database");
	require(same_text(source->user, again.user) && same_text(source->password, again.password),
		"it is the same user");
	redis_url_free(&again);
	free(text);
}

/* Anybody may see the name. */
static void check_name(const struct redis_url *source)
{
	char problem[BACKEND_PROBLEM_MAX];
	struct redis_url again;

	require(redis_url_parse(source->name, NULL, &again, problem) == 0, "the name is a source");
	check_same_place(source, &again);
	require(!again.user && !again.password, "the name tells no user and no password");
	redis_url_free(&again);
}

static void check_source(const char *text, const char *password)
{
	char problem[BACKEND_PROBLEM_MAX];
	struct redis_url source;
	int status = redis_url_parse(text, password, &source, problem);

	if (status < 0) {
		check_problem(status, problem);
		return;
	}
	require(!password || same_text(password, source.password), "the password that is given counts");
	check_fields(&source);
	check_written(&source);
	check_name(&source);
	redis_url_free(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	check_source(text, NULL);
	check_source(text, "p@:/%");
	free(text);
	return 0;
}
