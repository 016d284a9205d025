/*
 * Reads INFO: lines `name:value`, each ended by CR and LF. A table says which names are read, and how. The lines of
 * replicas come before the offset that they are compared with, so the text is read twice.
 */
#include "backend/redis/reply/server_info.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"
#include "backend/util/text/number.h"

#define LAG_MAX 1        /* s: a replica reports each second */
#define REPLICA "slave"  /* `slave0:ip=…`, and the role of a replica */
#define REPLICAS_MAX 4096

/* A value of a line, which no NUL follows. */
struct value {
	const char *text;
	size_t length;
};

static bool is(struct value value, const char *word)
{
	return value.length == strlen(word) && memcmp(value.text, word, value.length) == 0;
}

/* Returns a number of at least 0, or -1. */
static int64_t number_of(struct value value)
{
	uint64_t number;
	const char *end = number_read(value.text, 10, INT64_MAX, &number);

	return end == value.text + value.length ? (int64_t)number : -1;
}

static bool is_word_byte(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || strchr("._-+", byte);
}

/* Copies a word of letters, digits and a few signs; leaves "" for anything else. */
static void read_word(struct value value, char word[SERVER_WORD_MAX])
{
	*word = '\0';
	if (value.length >= SERVER_WORD_MAX)
		return;
	for (size_t i = 0; i < value.length; i++)
		if (!value.text[i] || !is_word_byte(value.text[i]))
			return;
	memcpy(word, value.text, value.length);
	word[value.length] = '\0';
}

static void read_product(struct value value, struct server_info *ret)
{
	if (is(value, "valkey"))
		ret->product = "Valkey";
}

/* Valkey gives the version of Redis that it is compatible with, before its own. */
static void read_redis_version(struct value value, struct server_info *ret)
{
	if (!*ret->version)
		read_word(value, ret->version);
}

static void read_valkey_version(struct value value, struct server_info *ret)
{
	ret->product = "Valkey";
	read_word(value, ret->version);
}

static void read_run_id(struct value value, struct server_info *ret)
{
	read_word(value, ret->run_id);
}

static void read_role(struct value value, struct server_info *ret)
{
	ret->role = is(value, "master") ? ROLE_PRIMARY : is(value, REPLICA) ? ROLE_REPLICA : ROLE_UNKNOWN;
}

static void read_replicas(struct value value, struct server_info *ret)
{
	ret->replicas = number_of(value);
}

static void read_appends(struct value value, struct server_info *ret)
{
	int64_t number = number_of(value);

	ret->appends = number <= 1 ? number : -1;
}

static void read_memory_most(struct value value, struct server_info *ret)
{
	ret->memory_most = number_of(value);
}

static void read_memory_used(struct value value, struct server_info *ret)
{
	ret->memory_used = number_of(value);
}

static void read_policy(struct value value, struct server_info *ret)
{
	read_word(value, ret->policy);
}

static const struct {
	const char *name;
	void (*read)(struct value value, struct server_info *ret);
} fields[] = {
	{ "server_name", read_product },
	{ "redis_version", read_redis_version },
	{ "valkey_version", read_valkey_version },
	{ "run_id", read_run_id },
	{ "role", read_role },
	{ "connected_slaves", read_replicas },
	{ "aof_enabled", read_appends },
	{ "maxmemory", read_memory_most },
	{ "used_memory", read_memory_used },
	{ "maxmemory_policy", read_policy },
};

/* Reads the line at *at, and moves *at to the next one. Returns false at the end. */
static bool read_line(const char **at, const char *end, struct value *ret_name, struct value *ret_value)
{
	const char *line = *at;
	size_t left = (size_t)(end - line);
	const char *newline = memchr(line, '\n', left);
	size_t length = newline ? (size_t)(newline - line) : left;
	const char *colon = memchr(line, ':', length);

	if (left == 0)
		return false;
	*at = newline ? newline + 1 : end;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	*ret_name = (struct value){ line, colon && colon < line + length ? (size_t)(colon - line) : 0 };
	*ret_value = (struct value){ line + length, 0 };
	if (ret_name->length > 0)
		*ret_value = (struct value){ colon + 1, length - ret_name->length - 1 };
	return true;
}

/* Reads `name=value` in the line of a replica: fields with a comma between them. */
static struct value find_part(struct value line, const char *name)
{
	const char *at = line.text, *end = line.text + line.length;
	size_t length = strlen(name);

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - at) > length && memcmp(at, name, length) == 0 && at[length] == '=')
			return (struct value){ at + length + 1, (size_t)(stop - at) - length - 1 };
		at = comma ? comma + 1 : end;
	}
	return (struct value){ end, 0 };
}

/* Is the name `slave` and a number? */
static bool is_replica_line(struct value name)
{
	size_t prefix = strlen(REPLICA);

	return name.length > prefix && memcmp(name.text, REPLICA, prefix) == 0 &&
		number_of((struct value){ name.text + prefix, name.length - prefix }) >= 0;
}

static bool is_in_sync(struct value line, int64_t offset)
{
	int64_t lag = number_of(find_part(line, "lag"));
	int64_t at = number_of(find_part(line, "offset"));

	return is(find_part(line, "state"), "online") && ((lag >= 0 && lag <= LAG_MAX) || (offset >= 0 && at == offset));
}

static int64_t find_offset(const char *text, size_t size)
{
	const char *at = text;
	struct value name, value;

	while (read_line(&at, text + size, &name, &value))
		if (is(name, "master_repl_offset"))
			return number_of(value);
	return -1;
}

static void count_in_sync(const char *text, size_t size, struct server_info *ret)
{
	int64_t offset = find_offset(text, size);
	const char *at = text;
	struct value name, value;

	ret->replicas_in_sync = ret->replicas < 0 ? -1 : 0;
	while (ret->replicas_in_sync >= 0 && ret->replicas_in_sync < ret->replicas && ret->replicas_in_sync < REPLICAS_MAX &&
		read_line(&at, text + size, &name, &value))
		ret->replicas_in_sync += is_replica_line(name) && is_in_sync(value, offset);
}

void server_info_parse(const char *text, size_t size, struct server_info *ret)
{
	const char *at = text;
	struct value name, value;

	*ret = (struct server_info){
		.product = "Redis", .replicas = -1, .replicas_in_sync = -1, .appends = -1, .memory_most = -1, .memory_used = -1,
	};
	while (read_line(&at, text + size, &name, &value))
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (is(name, fields[i].name))
				fields[i].read(value, ret);
	count_in_sync(text, size, ret);
}

int reply_server(const redisReply *reply, struct server_reply *ret)
{
	enum { WORD, INFO, SECONDS, MICROSECONDS, ASKED };
	const redisReply *info = reply_element(reply, INFO, REDIS_REPLY_STRING);
	const redisReply *asked = reply_element(reply, ASKED, REDIS_REPLY_INTEGER);
	int64_t seconds = reply_number(reply_text(reply, SECONDS), -1);
	int64_t us = reply_number(reply_text(reply, MICROSECONDS), -1);

	if (!info || !asked || asked->integer < -1 || seconds < 0 || seconds > NOW_MAX_MS / 1000 || us < 0 || us > 999999)
		return -EPROTO;
	server_info_parse(info->str, info->len, &ret->info);
	ret->time_us = seconds * 1000000 + us;
	ret->mounts_asked = asked->integer;
	return 0;
}

const char *reply_config(const redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 ? reply_text(reply, 1) : NULL;
}
