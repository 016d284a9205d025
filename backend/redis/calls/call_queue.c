/*
 * The pending calls: who a call is made for, its deadline, and its end. All calls have one time limit
 * and are kept in the order of their deadlines, so one timer for the first is enough.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/util/clock.h"

/* Returns the key from the call's own copy: after `done`, the caller's text may be gone. */
const char *call_key(const struct script_call *call)
{
	return call->lock_key + strlen(call->calls->config.namespace_) + 1;
}

bool script_calls_is_acquiring(const struct script_calls *calls, const char *key)
{
	const struct script_call *call;

	DL_FOREACH(calls->pending, call)
		if (call->script == SCRIPT_ACQUIRE && strcmp(call_key(call), key) == 0)
			return true;
	return false;
}

/* Calls that `done` starts are made for the user of this call. */
static void answer(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct script_calls *calls = call->calls;
	uid_t before = calls->user_in_reply;

	calls->user_in_reply = call->uid;
	call->done(call, status, reply, age_ms);
	calls->user_in_reply = before;
}

/* Does the answer name a holding that is being revoked (answer_revoked() of holding.lua)? Then ends it. */
static void end_revoked(const struct script_call *call, int status, const redisReply *reply)
{
	const struct script_calls_handlers *handlers = &call->calls->handlers;
	uint64_t token;

	if (status == -ENOENT && reply && reply_token(reply, &token) == 0)
		handlers->on_revoked(handlers->ctx, call_key(call), token);
}

static void arm_deadline(struct script_calls *calls);

void call_finish(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct script_calls *calls = call->calls;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a call in the list is the last or has a next one */
	DL_DELETE(calls->pending, call);
	user_turns_end(&calls->turns, &call->turn);
	if (!reply && call->sent && call->undo_if_unanswered)
		calls_undo_unanswered(call);
	end_revoked(call, status, reply);
	answer(call, status, reply, age_ms);
	if (call->script == SCRIPT_ACQUIRE)
		calls->handlers.on_acquire_answered(calls->handlers.ctx, call_key(call));
	packed_table_free(&call->table);
	free(call);
	arm_deadline(calls);
	calls_take_turns(calls);
}

void calls_finish_waiting(struct script_calls *calls, int status)
{
	struct script_call *call, *next;

	DL_FOREACH_SAFE(calls->pending, call, next)
		if (!call->sent)
			call_finish(call, status, NULL, 0);
}

void calls_drop_silent(struct script_calls *calls)
{
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "%s does not answer", calls->source->name);
	connection_drop(calls->connection, -ETIMEDOUT, problem);
}

static void on_deadline(uv_timer_t *timer)
{
	struct script_calls *calls = timer->data;
	int64_t now_ns = boot_ns();
	struct script_call *first;

	while ((first = calls->pending) && first->deadline_ns <= now_ns) {
		if (!first->sent) {
			if (first->held && calls->is_holding)
				calls_tell_refusal(first, calls->held_because);
			call_finish(first, -EHOSTDOWN, NULL, 0);
			continue;
		}
		if (call_awaits_replicas(first)) {
			call_end_unconfirmed(first);
			continue;
		}
		if (calls_extend(first))
			continue;
		/* Replies come in order, so all calls behind this one are late, too. */
		calls_drop_silent(calls);
	}
	arm_deadline(calls);
}

static void arm_deadline(struct script_calls *calls)
{
	int64_t left_ms;

	if (calls->closing)
		return;
	if (!calls->pending) {
		uv_timer_stop(&calls->deadline);
		return;
	}
	if (uv_is_active((uv_handle_t *)&calls->deadline))
		return; /* it runs for an earlier call, and is set again when it fires */
	left_ms = (calls->pending->deadline_ns - boot_ns()) / NS_PER_MS + 1;
	uv_update_time(calls->config.loop);
	uv_timer_start(&calls->deadline, on_deadline, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

/* Returns the user for whom a call is made: the new holder, else the user whose request or reply is being handled. */
static uid_t user_of(const struct script_call *call)
{
	const struct script_calls *calls = call->calls;
	uid_t uid;

	if (call->of_mount || calls->in_message)
		return BACKEND_NOBODY;
	if (call->holder)
		return call->holder->uid == 0 || call->holder->uid == geteuid() ? BACKEND_NOBODY : call->holder->uid;
	uid = calls->config.current_uid ? calls->config.current_uid(calls->config.ctx) : BACKEND_NOBODY;
	return uid == BACKEND_NOBODY ? calls->user_in_reply : uid;
}

void script_calls_set_in_message(struct script_calls *calls, bool in_message)
{
	calls->in_message = in_message;
}

/* Queues a call with its whole time limit, and sends it if that is possible. */
static void begin(struct script_call *call)
{
	struct script_calls *calls = call->calls;

	call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
	DL_APPEND(calls->pending, call);
	arm_deadline(calls);
	if (call->unsendable)
		call_finish(call, call->unsendable, NULL, 0);
	else if (connection_is_up(calls->connection))
		call_send_in_turn(call);
	else if (calls->closing)
		call_finish(call, -ESHUTDOWN, NULL, 0);
	else if (!connection_may_reconnect(calls->connection))
		call_finish(call, -EHOSTDOWN, NULL, 0);
}

void script_call_start(struct script_call *call)
{
	call->uid = user_of(call);
	begin(call);
}

/* Begins all postponed calls again. The server answers GRACE once more to one that is too early. */
static void on_grace_over(uv_timer_t *timer)
{
	calls_end_postponement(timer->data);
}

void call_postpone(struct script_call *call, int64_t ms)
{
	struct script_calls *calls = call->calls;

	call->sent = false;
	user_turns_end(&calls->turns, &call->turn);
	DL_DELETE(calls->pending, call);
	DL_APPEND(calls->postponed, call);
	if (calls->closing)
		calls_end_postponement(calls);
	else if (!uv_is_active((uv_handle_t *)&calls->after_grace))
		uv_timer_start(&calls->after_grace, on_grace_over, (uint64_t)ms + 1, 0);
	calls_take_turns(calls);
}

void script_calls_end_postponed(struct script_calls *calls, const char *nonce)
{
	struct script_call *call;

	DL_FOREACH(calls->postponed, call)
		if (strcmp(call->nonce, nonce) == 0)
			break;
	if (!call)
		return;
	DL_DELETE(calls->postponed, call);
	DL_APPEND(calls->pending, call);
	call_finish(call, -EHOSTDOWN, NULL, 0);
}

void calls_end_postponement(struct script_calls *calls)
{
	struct script_call *first = calls->postponed, *call, *next;

	/* A call that begins may be postponed once more, so the list is taken as a whole. */
	calls->postponed = NULL;
	DL_FOREACH_SAFE(first, call, next)
		begin(call);
}
