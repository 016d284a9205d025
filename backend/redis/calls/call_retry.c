/*
 * Calls that the server refused before they began, because another server has the locks now, or because it cannot
 * serve them for a moment: they are held and sent again, as long as their deadlines allow. Meanwhile no other call is
 * sent, so that calls are not sent in another order than they were started.
 */
#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "backend/redis/calls/script_calls_internal.h"
#include "backend/util/clock.h"

#define RETRY_MS 75 /* until a server that could not serve the calls is asked again */

static void on_retry(uv_timer_t *timer)
{
	struct script_calls *calls = timer->data;

	if (!calls->is_leaving && connection_is_up(calls->connection))
		calls_send_held(calls);
}

/*
 * The deadline of a call passed while it was under way once more. That does not mean that the server is silent: the call
 * ends by the next answer. Returns false if the call was sent once only, or has had this time.
 */
bool calls_extend(struct script_call *call)
{
	struct script_calls *calls = call->calls;

	if (!call->retried || call->late)
		return false;
	call->late = true;
	call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
	DL_DELETE(calls->pending, call);
	DL_APPEND(calls->pending, call);
	return true;
}

static void give_up(struct script_call *call, const char *text)
{
	calls_tell_refusal(call, text);
	call_finish(call, -EHOSTDOWN, NULL, 0);
}

/*
 * Holds a call that was refused with the error `text`, if it may be sent again. Returns false if the call has failed.
 * On a connection that is to be left, the calls that are under way are answered first: what was sent to a server that
 * serves them no more is refused, and not lost.
 */
bool calls_hold(struct script_call *call, const char *text)
{
	struct script_calls *calls = call->calls;
	enum refusal refusal = calls->closing ? REFUSAL_FINAL : connection_judge(calls->connection, text);

	if (refusal == REFUSAL_FINAL)
		return false;
	call->sent = false;
	call->held = true;
	call->retried = true;
	calls->is_holding = true;
	snprintf(calls->held_because, sizeof(calls->held_because), "%s", text);
	if (refusal == REFUSAL_MOVED)
		calls->is_leaving = true;
	else if (!uv_is_active((uv_handle_t *)&calls->retry))
		uv_timer_start(&calls->retry, on_retry, RETRY_MS, 0);
	if (call->late)
		give_up(call, text);
	return true;
}

/* Sends the calls that were held, in their order. */
void calls_send_held(struct script_calls *calls)
{
	bool taking_turns = calls->taking_turns;
	struct script_call *call, *next;

	calls->is_holding = false;
	/* Turns are taken after this loop: a call that cannot be sent ends, which would change the list. */
	calls->taking_turns = true;
	DL_FOREACH_SAFE(calls->pending, call, next)
		if (call->held && !call->sent)
			calls_send(call);
	calls->taking_turns = taking_turns;
	calls_take_turns(calls);
}

static bool is_under_way(const struct script_calls *calls)
{
	const struct script_call *call;

	DL_FOREACH(calls->pending, call)
		if (call->sent && !call_awaits_replicas(call))
			return true;
	return false;
}

/* Gives up a connection to a server that has the locks no more, once all calls on it were answered. */
void calls_leave_if_idle(struct script_calls *calls)
{
	if (!calls->is_leaving || is_under_way(calls))
		return;
	calls->is_leaving = false;
	connection_refuse(calls->connection, calls->held_because);
}

/* Held calls wait for the next connection. */
void calls_on_lost(struct script_calls *calls)
{
	calls->is_leaving = false;
	uv_timer_stop(&calls->retry);
}
