/* Makes calls and adds their arguments. Numbers are printed into the call; texts and bytes stay the caller's. */
#include "backend/redis/calls/script_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/script_calls_internal.h"

struct script_call *script_call_new(struct script_calls *calls, enum script script, const char *key)
{
	const char *namespace_ = calls->config.namespace_;
	struct script_call *call = calloc(1, sizeof(*call) + strlen(namespace_) + 1 + strlen(key) + 1);

	if (!call)
		return NULL;
	call->calls = calls;
	call->script = script;
	stpcpy(stpcpy(stpcpy(call->lock_key, namespace_), ":"), key);
	call->key = call_key(call);
	script_call_add_text(call, namespace_);
	script_call_add_text(call, call->key);
	script_call_add_text(call, calls->instance);
	_Static_assert(CALL_COMMON_ARGUMENTS == 3 && CALL_COMMON_ARGUMENTS < CALL_ARGUMENTS_MAX,
		"there is room for what every script is given");
	return call;
}

/* Is there room for one more argument? Without it, the call fails when it is started. */
static bool has_room(struct script_call *call)
{
	if (call->argument_count < CALL_ARGUMENTS_MAX)
		return true;
	call->unsendable = -E2BIG;
	return false;
}

void script_call_add_bytes(struct script_call *call, const void *data, size_t size)
{
	if (!has_room(call))
		return;
	call->arguments[call->argument_count] = data;
	call->lengths[call->argument_count++] = size;
}

void script_call_add_text(struct script_call *call, const char *text)
{
	script_call_add_bytes(call, text ? text : "", text ? strlen(text) : 0);
}

void script_call_add_number(struct script_call *call, int64_t number)
{
	char *text;

	if (!has_room(call))
		return;
	text = call->numbers[call->argument_count];
	snprintf(text, CALL_NUMBER_MAX, "%" PRId64, number);
	script_call_add_text(call, text);
}

void script_call_add_token(struct script_call *call, uint64_t token)
{
	char *text;

	if (!has_room(call))
		return;
	text = call->numbers[call->argument_count];
	snprintf(text, CALL_NUMBER_MAX, "%" PRIu64, token);
	script_call_add_text(call, text);
}

void script_call_add_match(struct script_call *call, struct holding_match match)
{
	if (match.any)
		script_call_add_text(call, NULL);
	else
		script_call_add_token(call, match.token);
}

void script_call_add_table(struct script_call *call, struct packed_table *table)
{
	if (call->table.bytes || !has_room(call)) {
		call->unsendable = -E2BIG;
		packed_table_free(table);
		return;
	}
	call->table = *table;
	*table = (struct packed_table){ 0 };
	script_call_add_bytes(call, call->table.bytes, call->table.size);
}
