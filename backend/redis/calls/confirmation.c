/*
 * Calls that count only once replicas have their result (`-o replicas=N`): their replies are kept, and they end with those
 * replies when replica_wait.h confirms them. Until then nobody is told, and what was acquired can be undone.
 */
#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "backend/redis/calls/replica_wait.h"
#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply_copy.h"

/* A holder relies on what these answer. What others change can be repeated, or shows at the next look. */
static const bool needs_replicas[SCRIPT_COUNT] = {
	[SCRIPT_ACQUIRE] = true,
	[SCRIPT_TAKE_OVER] = true,
	[SCRIPT_BIND] = true,
	[SCRIPT_REFRESH] = true,
};

bool call_awaits_replicas(const struct script_call *call)
{
	return call->kept_reply;
}

bool call_confirm(struct script_call *call, int status, const redisReply *reply)
{
	struct script_calls *calls = call->calls;

	if (!calls->replica_wait || calls->closing || status != 0 || !needs_replicas[call->script])
		return false;
	call->kept_reply = reply_copy(reply);
	if (!call->kept_reply) {
		call_finish(call, -ENOMEM, NULL, 0);
		script_calls_undo_again(calls);
		return true;
	}
	DL_APPEND2(calls->unconfirmed, call, unconfirmed_prev, unconfirmed_next);
	call->question = replica_wait_ask(calls->replica_wait);
	return true;
}

/* Takes a call out of those that wait. Returns its reply, which the caller frees. */
static redisReply *take_reply(struct script_call *call)
{
	redisReply *reply = call->kept_reply;

	DL_DELETE2(call->calls->unconfirmed, call, unconfirmed_prev, unconfirmed_next);
	call->kept_reply = NULL;
	return reply;
}

static void on_confirmed(void *ctx, uint64_t number)
{
	struct script_calls *calls = ctx;
	struct script_call *call;

	/* Calls that `done` starts have later numbers, if they get here at all. */
	while ((call = calls->unconfirmed) && call->question <= number) {
		redisReply *reply = take_reply(call);

		call_finish(call, 0, reply, call_age_ms(call));
		freeReplyObject(reply);
	}
}

static void fail(struct script_call *call, int status)
{
	freeReplyObject(take_reply(call));
	call_finish(call, status, NULL, 0);
}

void call_end_unconfirmed(struct script_call *call)
{
	struct script_calls *calls = call->calls;
	char problem[BACKEND_PROBLEM_MAX], line[BACKEND_PROBLEM_MAX];

	replica_wait_print_problem(calls->replica_wait, problem);
	snprintf(line, sizeof(line),
		"replicas=%zu: an acquisition or renewal was refused, as it was not in so many replicas in time (%.100s): see why they lag, or lower replicas=",
		calls->config.replicas, problem);
	calls_notice_sometimes(calls, line);
	fail(call, -EIO);
	script_calls_undo_again(calls);
}

void calls_end_unconfirmed(struct script_calls *calls, int status)
{
	while (calls->unconfirmed)
		fail(calls->unconfirmed, status);
}

static int64_t first_deadline_ns(void *ctx)
{
	const struct script_calls *calls = ctx;

	return calls->unconfirmed ? calls->unconfirmed->deadline_ns : 0;
}

static const char *run_id(void *ctx)
{
	const struct script_calls *calls = ctx;

	return connection_is_up(calls->connection) ? handshake_server(calls->handshake)->run_id : "";
}

static void on_freed(void *ctx)
{
	calls_drop_reference(ctx);
}

int script_calls_use_replicas(struct script_calls *calls, struct tls_context *tls)
{
	const struct replica_wait_handlers handlers = {
		.on_confirmed = on_confirmed,
		.first_deadline_ns = first_deadline_ns,
		.run_id = run_id,
		.on_freed = on_freed,
		.ctx = calls,
	};

	if (calls->config.replicas == 0 || calls->config.read_only)
		return 0;
	calls->replica_wait = replica_wait_new(&calls->config, calls->source, tls, calls->instance, &handlers);
	if (!calls->replica_wait)
		return -ENOMEM;
	calls->references++;
	return 0;
}
