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

static const char *scheme_of(const struct redis_url *source)
{
	static const char *const plain[] = { "redis", "redis", "redis-sentinel", "redis-cluster" };
	static const char *const tls[] = { "rediss", "rediss", "rediss-sentinel", "rediss-cluster" };

	return source->path ? "redis+unix" : (source->tls ? tls : plain)[source->topology];
}

static void write_place(FILE *out, const struct redis_url *source)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];

	if (source->path)
		fputs(source->path, out);
	else if (source->host)
		fprintf(out, strchr(source->host, ':') ? "[%s]:%d" : "%s:%d", source->host, source->port);
	for (size_t i = 0; i < source->address_count; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "", redis_address_print(&source->addresses[i], text));
	if (source->primary_name)
		fprintf(out, "/%s", source->primary_name);
}

/* The one way to write a source. The caller frees it. */
static char *write_source(const struct redis_url *source)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	require(out != NULL, "there is memory");
	fprintf(out, "%s://", scheme_of(source));
	write_credentials(out, source);
	write_place(out, source);
	if (source->topology != TOPOLOGY_CLUSTER)
		fprintf(out, source->path ? "?db=%d" : "/%d", source->db);
	fclose(out);
	return text;
}

static void check_problem(int status, const char *problem)
{
	require(status == -EINVAL, "a bad source is EINVAL");
	require(strncmp(problem, "SOURCE: ", strlen("SOURCE: ")) == 0, "a problem says that it is the source's");
	require(strlen(problem) < BACKEND_PROBLEM_MAX && !strchr(problem, '\n'), "a problem is one line");
}

static void check_address(const struct redis_url *source, size_t i)
{
	const struct redis_address *address = &source->addresses[i];
	struct redis_address again;
	char text[REDIS_ADDRESS_TEXT_SIZE];

	require(*address->host && address->port >= 1 && address->port <= 65535, "an address has a host and a port");
	for (size_t j = 0; j < i; j++)
		require(!redis_address_equals(address, &source->addresses[j]), "no address comes twice");
	snprintf(text, sizeof(text), "%s:%d", address->host, address->port);
	require(redis_address_parse(text, &again) == 0 && redis_address_equals(address, &again), "an address is read as written");
}

static void check_addresses(const struct redis_url *source)
{
	size_t least = source->topology == TOPOLOGY_LIST ? 2 : 1;

	require(!source->host && !source->path, "which server it is, is not known yet");
	require(source->address_count >= least && source->address_count <= REDIS_ADDRESSES_MAX, "there are some addresses");
	for (size_t i = 0; i < source->address_count; i++)
		check_address(source, i);
	require(!source->primary_name == (source->topology != TOPOLOGY_SENTINEL), "Sentinels watch a primary by its name");
	require(source->topology != TOPOLOGY_CLUSTER || source->db == 0, "a cluster has one database");
}

static void check_server(const struct redis_url *source)
{
	require(source->address_count == 0 && !source->primary_name, "it is one server");
	require(!source->host != !source->path, "it is a host or a socket");
	require(!source->host || (*source->host && source->port >= 1 && source->port <= 65535), "a host has a port");
	require(!source->path || (*source->path == '/' && !source->tls), "the path of a socket is absolute");
}

static void check_fields(const struct redis_url *source)
{
	if (source->topology == TOPOLOGY_SERVER)
		check_server(source);
	else
		check_addresses(source);
	require(source->db >= 0, "a database is a number");
	require(!source->user || *source->user, "a user has a name");
	require(!source->password || *source->password, "a password is not empty");
}

static void check_same_place(const struct redis_url *one, const struct redis_url *other)
{
	require(same_text(one->host, other->host) && same_text(one->path, other->path) && one->port == other->port &&
			one->tls == other->tls && same_text(one->name, other->name),
		"it is the same server");
	require(one->topology == other->topology && one->address_count == other->address_count &&
			same_text(one->primary_name, other->primary_name),
		"it is the same kind of source");
	for (size_t i = 0; i < one->address_count; i++)
		require(redis_address_equals(&one->addresses[i], &other->addresses[i]), "they are the same addresses");
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
