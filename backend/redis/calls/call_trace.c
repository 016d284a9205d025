/*
 * Lines of the trace (`lockfs -d`) about scripts that are sent to the server, and about their replies.
 *
 * Only arguments that a table names are shown, each in its own way, so that an argument that is added
 * to a script is hidden until somebody decides how to show it. Of a reply, only the word that it
 * begins with is shown: the call of the backend above tells the rest, and an error may repeat arguments.
 */
#include "backend/redis/calls/call_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/script_call.h"
#include "backend/util/clock.h"
#include "backend/util/trace_line.h"
#include "lockfs/backend.h"

/* Arguments that every script has: namespace, path and instance. */
#define COMMON_ARGUMENTS 3

enum form {
	FORM_HIDDEN,
	FORM_SECRET, /* its beginning */
	FORM_PLAIN,  /* as it is; nothing if it is empty */
	FORM_TOKEN,  /* as it is; `any` if it is empty */
	FORM_MS,     /* milliseconds as seconds */
	FORM_FLAG,   /* its name, if it is set */
	FORM_TABLE,  /* a packed table: those of its fields that `shown_fields` has */
};

struct argument {
	const char *name;
	enum form form;
};

/* How fields of packed tables are shown. */
static const struct argument shown_fields[] = {
	{ "id", FORM_SECRET }, { "nonce", FORM_SECRET }, { "ttl", FORM_MS }, { "fallback", FORM_MS }, { "pid", FORM_PLAIN },
	{ "uid", FORM_PLAIN }, { "order", FORM_PLAIN }, { "bound", FORM_FLAG }, { "waits", FORM_FLAG },
	{ "exclusive_even_for_me", FORM_FLAG }, { "mode", FORM_PLAIN }, { "form", FORM_PLAIN },
	{ "permissions", FORM_PLAIN }, { "replaces", FORM_PLAIN },
	{ "source", FORM_PLAIN }, { "source_token", FORM_PLAIN }, { "moves", FORM_FLAG },
};

/* Bytes of a field that is shown, its NUL included; the rest of a longer one is cut off. */
#define SHOWN_FIELD_MAX 128

/* How a script is shown: its name, and its arguments from ARGV[4] on, in their order. */
static const struct shown_script {
	const char *name;
	struct argument arguments[CALL_ARGUMENTS_MAX - COMMON_ARGUMENTS];
} shown_scripts[] = {
	[SCRIPT_SELF_TEST] = { "self_test", { { "again", FORM_FLAG } } },
	[SCRIPT_ACQUIRE] = { "acquire", { { "fields", FORM_TABLE } } },
	[SCRIPT_TAKE_OVER] = { "take_over", { { "fields", FORM_TABLE } } },
	[SCRIPT_UNDO] = { "undo", { { "about", FORM_SECRET } } },
	[SCRIPT_RELEASE] = { "release", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "force", FORM_PLAIN },
		{ "newest", FORM_PLAIN } } },
	[SCRIPT_REFRESH] = { "refresh", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "ttl", FORM_MS },
		{ "modified", FORM_PLAIN } } },
	[SCRIPT_SET_PERMISSIONS] = { "set_permissions", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "permissions", FORM_PLAIN } } },
	[SCRIPT_BIND] = { "bind", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "grace", FORM_MS } } },
	[SCRIPT_PUBLISH] = { "publish", { { "event", FORM_PLAIN }, { "token", FORM_TOKEN } } },
	[SCRIPT_LEASE_SCAN] = { "lease_scan", { { "cursor", FORM_PLAIN } } },
	[SCRIPT_WATCH] = { "watch", { { "token", FORM_TOKEN } } },
	[SCRIPT_HEARTBEAT] = { "heartbeat", { { "keys", FORM_HIDDEN } } },
	[SCRIPT_READ] = { "read", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "told", FORM_FLAG } } },
	[SCRIPT_WRITE] = { "write", { { "token", FORM_TOKEN }, { "offset", FORM_PLAIN }, { "data", FORM_HIDDEN } } },
	[SCRIPT_TRUNCATE] = { "truncate", {
		{ "id", FORM_SECRET }, { "identity", FORM_HIDDEN }, { "token", FORM_TOKEN }, { "size", FORM_PLAIN } } },
	[SCRIPT_LIST] = { "list", { { "cursor", FORM_PLAIN } } },
	[SCRIPT_LIST_LOCKS] = { "list_locks", {
		{ "cursor", FORM_PLAIN }, { "id", FORM_SECRET }, { "identity", FORM_HIDDEN } } },
	[SCRIPT_FOREIGN_SCAN] = { "foreign_scan", { { "cursor", FORM_PLAIN } } },
	[SCRIPT_MAKE_DIR] = { "make_dir", { { "mode", FORM_PLAIN }, { "uid", FORM_PLAIN }, { "gid", FORM_PLAIN } } },
	[SCRIPT_STATUS] = { "status", { { "number", FORM_PLAIN } } },
	[SCRIPT_HERE] = { "here", { { "to", FORM_PLAIN }, { "message", FORM_HIDDEN } } },
	[SCRIPT_REMOVE_DIR] = { "remove_dir", { { NULL, FORM_HIDDEN } } },
	[SCRIPT_CONFIGURE_DIR] = { "configure_dir", {
		{ "mode", FORM_PLAIN }, { "uid", FORM_PLAIN }, { "gid", FORM_PLAIN }, { "default_ttl", FORM_MS },
		{ "limit", FORM_PLAIN }, { "modified", FORM_PLAIN } } },
};

_Static_assert(sizeof(shown_scripts) / sizeof(shown_scripts[0]) == SCRIPT_COUNT, "every script can be shown");

static void put_line(const struct backend_config *config, const struct trace_line *line)
{
	config->on_trace(config->ctx, line->text);
}

/* Texts and numbers among the arguments end with a NUL; data does not, and is hidden. */
static void add_argument(struct trace_line *line, const struct argument *argument, const char *value)
{
	switch (argument->form) {
	case FORM_HIDDEN:
	case FORM_TABLE:
		break;
	case FORM_SECRET:
		trace_add_secret(line, argument->name, value);
		break;
	case FORM_PLAIN:
		if (*value)
			trace_add(line, " %s=%s", argument->name, value);
		break;
	case FORM_TOKEN:
		trace_add(line, " %s=%s", argument->name, *value ? value : "any");
		break;
	case FORM_MS:
		if (*value)
			trace_add_lease(line, argument->name, strtoll(value, NULL, 10));
		break;
	case FORM_FLAG:
		if (*value)
			trace_add(line, " %s", argument->name);
		break;
	}
}

static const struct argument *find_field(const struct packed_text *name)
{
	for (size_t i = 0; i < sizeof(shown_fields) / sizeof(shown_fields[0]); i++)
		if (strlen(shown_fields[i].name) == name->length && memcmp(shown_fields[i].name, name->bytes, name->length) == 0)
			return &shown_fields[i];
	return NULL;
}

static void add_table(struct trace_line *line, const struct packed_table *table)
{
	struct packed_text name, value;
	size_t position = 0;

	while (packed_table_next(table, &position, &name, &value)) {
		const struct argument *field = find_field(&name);
		char text[SHOWN_FIELD_MAX];

		snprintf(text, sizeof(text), "%.*s", (int)value.length, value.bytes);
		if (field)
			add_argument(line, field, text);
	}
}

/* The caller's own copy of the key may be gone once the reply is here. */
static const char *key_of_call(const struct backend_config *config, const struct script_call *call)
{
	return call->lock_key + strlen(config->namespace_) + 1;
}

static struct trace_line begin_line(const struct backend_config *config, const char *direction,
                                    const struct script_call *call)
{
	struct trace_line line = { .length = 0 };

	trace_add(&line, "redis %s %s", direction, shown_scripts[call->script].name);
	trace_add_key(&line, key_of_call(config, call));
	return line;
}

void call_trace_sent(const struct backend_config *config, const struct script_call *call, bool with_text)
{
	struct trace_line line;

	if (!config->on_trace)
		return;
	line = begin_line(config, ">", call);
	for (int i = COMMON_ARGUMENTS; i < call->argument_count; i++) {
		const struct argument *argument = &shown_scripts[call->script].arguments[i - COMMON_ARGUMENTS];

		if (argument->form == FORM_TABLE)
			add_table(&line, &call->table);
		else
			add_argument(&line, argument, call->arguments[i]);
	}
	if (with_text)
		trace_add(&line, " (with its text)");
	put_line(config, &line);
}

/* An error begins with a word of capital letters, such as NOPERM. */
static void add_first_word(struct trace_line *line, const redisReply *reply)
{
	const redisReply *first = reply;

	if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0)
		first = reply->element[0];
	if (first->type == REDIS_REPLY_ERROR)
		trace_add(line, " error");
	if (first->type == REDIS_REPLY_ERROR || first->type == REDIS_REPLY_STRING)
		trace_add(line, " %.*s", (int)strspn(first->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), first->str);
	else
		trace_add(line, " a reply that is not from lockfs");
}

void call_trace_reply(const struct backend_config *config, const struct script_call *call, const redisReply *reply,
                      int64_t took_ns)
{
	struct trace_line line;

	if (!config->on_trace)
		return;
	line = begin_line(config, "<", call);
	if (reply)
		add_first_word(&line, reply);
	else
		trace_add(&line, " no reply");
	trace_add(&line, " (%.3f ms)", (double)took_ns / NS_PER_MS);
	put_line(config, &line);
}
