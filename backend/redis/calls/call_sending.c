#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply.h"
#include "backend/util/clock.h"

/* Words of EVALSHA in front of the arguments: the verb, the script, the number of keys, the key. */
#define COMMAND_WORDS 4

/* The server counts leases in whole milliseconds, and so do we. */
static int64_t age_in_ms(int64_t since_ns)
{
	return (boot_ns() - since_ns) / NS_PER_MS;
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx);

/* By name, or with `with_text` by text, which the server then keeps. */
static int send_script(struct script_call *call, bool with_text)
{
	struct script_calls *calls = call->calls;
	const char *argv[COMMAND_WORDS + CALL_ARGUMENTS_MAX];
	size_t lengths[COMMAND_WORDS + CALL_ARGUMENTS_MAX];
	int argc = 0;
	int err;

	argv[argc++] = with_text ? "EVAL" : "EVALSHA";
	argv[argc++] = with_text ? script_text(call->script) : handshake_sha(calls->handshake, call->script);
	argv[argc++] = "1";
	argv[argc++] = call->lock_key;
	for (int i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	for (int i = 0; i < call->argument_count; i++, argc++) {
		argv[argc] = call->arguments[i];
		lengths[argc] = call->lengths[i];
	}
	call->sent_ns = boot_ns();
	calls->last_sent_ns = call->sent_ns;
	err = connection_send(calls->connection, on_reply, call, argc, argv, lengths);
	call->sent = err == 0;
	return err;
}

static void send_or_finish(struct script_call *call, bool with_text)
{
	int err = send_script(call, with_text);

	if (err < 0)
		call_finish(call, err, NULL, 0);
}

void call_send_in_turn(struct script_call *call)
{
	if (call->uid == BACKEND_NOBODY || user_turns_begin(&call->calls->turns, &call->turn, call->uid))
		send_or_finish(call, false);
}

static struct script_call *call_of_turn(struct turn *turn)
{
	return (struct script_call *)((char *)turn - offsetof(struct script_call, turn));
}

/* Sends those that waited for others of the same user. */
void calls_take_turns(struct script_calls *calls)
{
	struct turn *turn;

	/* One that cannot be sent is over, and comes here again. */
	if (calls->taking_turns || !connection_is_up(calls->connection))
		return;
	calls->taking_turns = true;
	while ((turn = user_turns_next(&calls->turns))) {
		struct script_call *call = call_of_turn(turn);

		/* The server has all of its time from now on: it is not what was slow. */
		DL_DELETE(calls->under_way, call);
		DL_APPEND(calls->under_way, call);
		call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
		send_or_finish(call, false);
	}
	calls->taking_turns = false;
}

static void on_refusal(struct script_call *call, const char *text)
{
	struct script_calls *calls = call->calls;
	const struct server_error *error = server_error_find(text);
	char line[BACKEND_PROBLEM_MAX];

	/* A server that forgot its scripts did nothing yet. */
	if (strncmp(text, "NOSCRIPT", strlen("NOSCRIPT")) == 0) {
		send_or_finish(call, true);
		return;
	}
	calls_tell_refusal(call, text);
	if (error->unbegun)
		call->sent = false; /* nothing was done, and nothing is to be undone */
	call->refused = true;
	call_finish(call, error->status, NULL, 0);
	if (error->passing) {
		server_error_print(calls->source->name, text, line, sizeof(line));
		connection_drop(calls->connection, error->status, line);
	}
}

static void on_answer(struct script_call *call, const redisReply *reply)
{
	calls_tell_trouble(call, reply);
	call_finish(call, reply_status(reply), reply, age_in_ms(call->sent_ns));
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	struct script_call *call = ctx;
	const redisReply *reply = data;

	(void)context;
	if (reply) {
		int64_t took_ns = boot_ns() - call->sent_ns;

		calls_learn_round_trip(call->calls, took_ns / NS_PER_MS);
		calls_learn_distance(call->calls, took_ns);
		call->calls->answers++;
		call->calls->answers_ns += took_ns;
	}
	if (!reply)
		call_finish(call, call->calls->closing ? -ESHUTDOWN : -ETIMEDOUT, NULL, 0);
	else if (reply->type == REDIS_REPLY_ERROR)
		on_refusal(call, reply->str);
	else
		on_answer(call, reply);
}
