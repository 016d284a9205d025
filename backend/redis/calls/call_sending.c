/*
 * Sends calls as EVALSHA and takes in their replies. Calls of one user are sent in turn (user_turns.h).
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/call_trace.h"
#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply.h"
#include "backend/redis/reply/reply_hello.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/util/clock.h"
#include "backend/util/container_of.h"

#define COMMAND_WORDS 4 /* in front of the arguments and the keys of the guard: EVALSHA, the script, the number of keys, the key */

/* Between looks for a holding that may be put back, and their number: 5 s, then the undo of a conversion is no longer waited for. */
#define LOOK_AGAIN_MS 20
#define LOOKS_AGAIN_MAX 250

int64_t call_age_ms(const struct script_call *call)
{
	return (boot_ns() - call->sent_ns) / NS_PER_MS;
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx);

/* Names the script by its SHA1, or if `with_text` is set sends its text, which the server then keeps. */
static int send_script(struct script_call *call, bool with_text)
{
	struct script_calls *calls = call->calls;
	char *const *guard = calls->source->guard.keys;
	const char *argv[COMMAND_WORDS + SLOT_GUARD_KEYS + CALL_ARGUMENTS_MAX + 1]; /* the last one is the epoch */
	size_t lengths[COMMAND_WORDS + SLOT_GUARD_KEYS + CALL_ARGUMENTS_MAX + 1];
	int argc = 0;
	int err;

	argv[argc++] = with_text ? "EVAL" : "EVALSHA";
	argv[argc++] = with_text ? script_text(call->script) : handshake_sha(calls->handshake, call->script);
	argv[argc++] = guard[0] ? "3" : "1";
	argv[argc++] = call->lock_key;
	for (int i = 0; guard[0] && i < SLOT_GUARD_KEYS; i++)
		argv[argc++] = guard[i];
	for (int i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	for (int i = 0; i < call->argument_count; i++, argc++) {
		argv[argc] = call->arguments[i];
		lengths[argc] = call->lengths[i];
	}
	argv[argc] = reclaim_epoch(calls->reclaim);
	lengths[argc] = strlen(argv[argc]);
	argc++;
	call->sent_ns = boot_ns();
	calls->last_sent_ns = call->sent_ns;
	err = connection_send(calls->connection, on_reply, call, argc, argv, lengths);
	call->sent = err == 0;
	if (call->sent)
		call_trace_sent(&calls->config, call, with_text);
	return err;
}

static void send_or_finish(struct script_call *call, bool with_text)
{
	int err;

	call->held = call->calls->is_holding;
	if (call->held)
		return;
	err = send_script(call, with_text);
	if (err < 0)
		call_finish(call, err, NULL, 0);
}

void calls_send(struct script_call *call)
{
	send_or_finish(call, false);
}

void call_send_in_turn(struct script_call *call)
{
	if (call->uid == BACKEND_NOBODY || user_turns_begin(&call->calls->turns, &call->turn, call->uid))
		send_or_finish(call, false);
}

static struct script_call *call_of_turn(struct turn *turn)
{
	return container_of(turn, struct script_call, turn);
}

/* Sends the calls that waited for other calls of their user. */
void calls_take_turns(struct script_calls *calls)
{
	struct turn *turn;

	/* A call that cannot be sent ends, and its end calls this function again. */
	if (calls->taking_turns || !connection_is_up(calls->connection))
		return;
	calls->taking_turns = true;
	while ((turn = user_turns_next(&calls->turns))) {
		struct script_call *call = call_of_turn(turn);

		/* The whole time limit counts from now on, as it was not the server that was slow. */
		DL_DELETE(calls->pending, call);
		DL_APPEND(calls->pending, call);
		call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
		send_or_finish(call, false);
	}
	calls->taking_turns = false;
}

static void on_refusal(struct script_call *call, const char *text)
{
	struct script_calls *calls = call->calls;
	const struct server_error *error = server_error_find(text);

	/* A server that lost its scripts has not run anything. */
	if (strncmp(text, "NOSCRIPT", strlen("NOSCRIPT")) == 0) {
		send_or_finish(call, true);
		return;
	}
	if (calls_hold(call, text))
		return;
	calls_tell_refusal(call, text);
	if (error->unbegun)
		call->sent = false; /* the script has written nothing, so there is nothing to undo */
	call->refused = true;
	call_finish(call, error->status, NULL, 0);
	if (error->passing)
		connection_refuse(calls->connection, text);
}

/* The server has done nothing, as its data are others than the mount knows: the call is sent again once they are reclaimed. */
static void on_other_epoch(struct script_call *call)
{
	struct script_calls *calls = call->calls;

	call->sent = false;
	user_turns_end(&calls->turns, &call->turn);
	if (connection_is_up(calls->connection))
		calls_reclaim(calls);
}

/* Does the answer say that something is not there, which may only not be back yet? */
static bool is_missing(const struct script_call *call, int status, const redisReply *reply)
{
	uint64_t revoked;

	return (status == -ENOENT || status == -ESTALE) && call->script != SCRIPT_UNDO && reply_token(reply, &revoked) < 0;
}

/*
 * How long to wait until what is not there may be back, in ms; 0: it will not. A conversion that is to be undone puts back a
 * holding, to which its caller has gone on to refer: releases it, for instance.
 */
static int64_t time_to_be_back(struct script_call *call)
{
	int64_t grace_ms = reclaim_grace_ms(call->calls->reclaim);

	if (grace_ms > 0 || call->looks_again == LOOKS_AGAIN_MAX || !calls_may_put_back(call->calls, call_key(call)))
		return grace_ms;
	call->looks_again++;
	return LOOK_AGAIN_MS;
}

static void on_answer(struct script_call *call, const redisReply *reply)
{
	int status = reply_status(reply);
	int64_t grace_ms = status == REPLY_GRACE ? reply_grace(reply) :
		is_missing(call, status, reply) ? time_to_be_back(call) : 0;

	if (status == REPLY_OTHER_EPOCH) {
		on_other_epoch(call);
	} else if (status == REPLY_GRACE || grace_ms > 0) {
		call_postpone(call, grace_ms);
	} else {
		calls_tell_trouble(call, reply);
		if (!call_confirm(call, status, reply))
			call_finish(call, status, reply, call_age_ms(call));
	}
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	struct script_call *call = ctx;
	struct script_calls *calls = call->calls;
	const redisReply *reply = data;
	int64_t took_ns = boot_ns() - call->sent_ns;

	(void)context;
	call_trace_reply(&call->calls->config, call, reply, took_ns);
	if (reply) {
		calls_learn_round_trip(call->calls, took_ns / NS_PER_MS);
		calls_learn_distance(call->calls, took_ns);
		call->calls->round_trips++;
		call->calls->round_trip_ns += took_ns;
	}
	if (!reply)
		call_finish(call, call->calls->closing ? -ESHUTDOWN : -ETIMEDOUT, NULL, 0);
	else if (reply->type == REDIS_REPLY_ERROR)
		on_refusal(call, reply->str);
	else
		on_answer(call, reply);
	calls_leave_if_idle(calls);
}
