/* Reports errors of the server to people: each kind of error once in 10 s. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/redis/calls/script_calls_internal.h"
#include "backend/util/clock.h"

#define NOTICE_PAUSE_NS (10 * NS_PER_S) /* between two lines about the same kind of error */

void calls_notice(const struct script_calls *calls, const char *line)
{
	if (calls->config.on_notice)
		calls->config.on_notice(calls->config.ctx, line);
}

void calls_notice_sometimes(struct script_calls *calls, const char *line)
{
	int64_t now_ns = boot_ns();

	if (calls->last_unconfirmed_ns && now_ns - calls->last_unconfirmed_ns < NOTICE_PAUSE_NS)
		return;
	calls->last_unconfirmed_ns = now_ns;
	calls_notice(calls, line);
}

/* Appends the lock or directory to the line if the error is about its keys. */
static void add_place(const struct script_call *call, const struct server_error *error, char *line, size_t size)
{
	size_t length = strlen(line);

	if (error->status == -EIO && !error->unbegun && *call_key(call))
		snprintf(line + length, size - length, " (asked about %s)", call->lock_key);
}

void calls_tell_refusal(const struct script_call *call, const char *text)
{
	const struct server_error *error = server_error_find(text);
	struct script_calls *calls = call->calls;
	int64_t now_ns = boot_ns();
	char line[BACKEND_PROBLEM_MAX];

	if (error == calls->last_refusal && now_ns - calls->last_refusal_ns < NOTICE_PAUSE_NS)
		return;
	calls->last_refusal = error;
	calls->last_refusal_ns = now_ns;
	server_error_print(calls->source->name, text, line, sizeof(line));
	add_place(call, error, line, sizeof(line));
	calls_notice(calls, line);
}

/* Reports a follow-up that failed although the call succeeded: the last element of the reply says why (include/failure.lua). */
void calls_tell_trouble(const struct script_call *call, const redisReply *reply)
{
	const redisReply *last = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ?
		reply->element[reply->elements - 1] : NULL;

	if (last && last->type == REDIS_REPLY_ERROR)
		calls_tell_refusal(call, last->str);
}
