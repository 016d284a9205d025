/*
 * The life of a ticket: ASKING while acquire.lua is called, QUEUED while it waits, LOST while the server
 * cannot be called. A caller is answered once; a ticket whose call is under way then outlives the answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"
#include "backend/util/random_id.h"
#include "backend/util/text_copy.h"

struct ticket *ticket_new(struct wait_queue *queue, struct acquisition *acquisition)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket) + text_size(acquisition->key) +
		holder_text_size(&acquisition->holder));
	char *cursor;

	if (!ticket || random_id(ticket->nonce) < 0)
		goto fail;
	ticket->wait_queue = queue;
	ticket->acquisition = acquisition;
	ticket->request = *acquisition;
	cursor = ticket->text;
	ticket->request.key = copy_text(&cursor, acquisition->key);
	ticket->request.holder = copy_holder(&cursor, &acquisition->holder);
	stpcpy(ticket->order, "0");
	HASH_ADD_STR(queue->by_nonce, nonce, ticket);
	if (!ticket->hh.tbl)
		goto fail;
	acquisition->pending = ticket;
	return ticket;
fail:
	free(ticket);
	return NULL;
}

void ticket_change_state(struct ticket *ticket, enum ticket_state state)
{
	struct wait_queue *queue = ticket->wait_queue;

	if (ticket->state == LOST) {
		DL_DELETE2(queue->lost, ticket, lost_prev, lost_next);
		queue->lost_count--;
	}
	ticket->state = state;
	if (state == LOST) {
		DL_APPEND2(queue->lost, ticket, lost_prev, lost_next);
		queue->lost_count++;
	}
}

static void free_ticket(struct ticket *ticket)
{
	ticket_change_state(ticket, QUEUED);
	key_waiters_leave(ticket);
	HASH_DELETE(hh, ticket->wait_queue->by_nonce, ticket);
	free(ticket);
}

/* Answers the caller. If a call is under way, the ticket stays until that ends. */
static void answer(struct ticket *ticket, int status, const struct lock *lock)
{
	struct acquisition *acquisition = ticket->acquisition;
	bool on_asking = ticket->state == ASKING;

	key_waiters_leave(ticket);
	ticket->acquisition = NULL;
	/* The analyzer does not see that a ticket whose caller was answered is never LOST and gets no GRANT. */
	acquisition->pending = NULL; /* NOLINT(clang-analyzer-core.NullDereference) */
	/* The ticket outlives this call, as the text of lock->key may be the ticket's. */
	acquisition->done(acquisition->ctx, status, lock);
	if (!on_asking)
		free_ticket(ticket);
}

/* Undoes what the server may have of the ticket: nothing if no call was ever sent. */
static void undo(const struct ticket *ticket, const char *key)
{
	if (ticket->server_may_know)
		script_calls_undo(ticket->wait_queue->calls, key, ticket->nonce, ticket->request.replaces);
	else if (ticket->refused)
		script_calls_undo_refused(ticket->wait_queue->calls, key, ticket->nonce, ticket->request.replaces);
}

void ticket_take_back(struct ticket *ticket, int status)
{
	bool on_asking = ticket->state == ASKING;

	/* A call under way may still acquire the lock or queue the ticket; on_acquire_reply() undoes that. */
	if (!on_asking)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in answer() */
		undo(ticket, ticket->acquisition->key);
	answer(ticket, status, NULL);
	/* Sent at the end of the grace, a conversion would end the holding on which its caller has gone on. */
	if (on_asking)
		script_calls_end_postponed(ticket->wait_queue->calls, ticket->nonce);
}

static void lose(struct ticket *ticket, int status)
{
	ticket_change_state(ticket, LOST);
	heartbeat_start(ticket->wait_queue);
	if (ticket->give_up_ns <= boot_ns())
		ticket_take_back(ticket, status);
}

/* A conversion is in front, as in the queue of the server: polls ask about the first ticket. */
static void add_to_key(struct key_waiters *waiters, struct ticket *ticket)
{
	ticket->key_waiters = waiters;
	if (ticket->request.replaces)
		DL_PREPEND(waiters->tickets, ticket);
	else
		DL_APPEND(waiters->tickets, ticket);
}

static void queue_up(struct ticket *ticket, const redisReply *reply)
{
	struct wait_queue *queue = ticket->wait_queue;
	struct key_waiters *waiters = key_waiters_find_or_add(queue, ticket->acquisition->key);
	struct key_state state;
	bool was_alive = true;
	int err = waiters ? reply_queued(reply, ticket->order, &state, &was_alive) : -ENOMEM;

	ticket->give_up_ns = 0;
	if (err < 0) {
		if (waiters && !waiters->tickets)
			key_waiters_free(queue, waiters);
		ticket_take_back(ticket, err == -EPROTO ? -EIO : err);
		return;
	}
	if (!ticket->key_waiters)
		add_to_key(waiters, ticket);
	/* The next poll depends on the rank of the oldest ticket here, and on the poll_ms of all tickets. */
	if (waiters->tickets == ticket || !waiters->is_poll_planned || ticket->acquisition->poll_ms > 0)
		key_waiters_plan_poll(queue, waiters, &state);
	heartbeat_start(queue);
	if (!was_alive)
		tickets_resend_but(queue, ticket);
	if (ticket->granted)
		ticket_send_acquire(ticket);
}

static void answer_held(struct ticket *ticket, const struct script_call *call, int status, const struct lock *lock)
{
	const struct wait_queue_handlers *handlers = &ticket->wait_queue->handlers;

	if (status == 0)
		handlers->on_acquired(handlers->ctx, call, lock);
	answer(ticket, status, lock);
}

static void on_acquire_reply(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct ticket *ticket = call->ctx;
	struct wait_queue *queue = ticket->wait_queue;
	struct lock lock;

	ticket_change_state(ticket, QUEUED);
	ticket->refused = call->refused;
	/* -EHOSTDOWN: the call was never sent. */
	ticket->server_may_know |= !call->refused && status != -EHOSTDOWN;
	if (!ticket->acquisition) {
		/* The ticket was cancelled while the call was under way. */
		undo(ticket, call->key);
		free_ticket(ticket);
	} else if (status == -EINPROGRESS) {
		queue_up(ticket, reply);
	} else if (status == -EHOSTDOWN || status == -ETIMEDOUT) {
		lose(ticket, status);
	} else if (status == 0 || status == -EEXIST) {
		int err = acquire_reply(call, status, reply, age_ms, &lock);

		/* A reply that arrives after the lease has ended is no acquisition. */
		if (err < 0)
			ticket_take_back(ticket, err == -EPROTO ? -EIO : -ETIMEDOUT);
		else
			answer_held(ticket, call, status, &lock);
	} else {
		/* This call changed nothing in the server, but an earlier one may have queued the ticket. */
		ticket_take_back(ticket, status == -EPROTO ? -EIO : status);
	}
	wait_queue_drop_reference(queue);
}

void ticket_send_acquire(struct ticket *ticket)
{
	struct wait_queue *queue = ticket->wait_queue;
	struct script_call *call = acquire_call(queue->calls, &ticket->request, ticket->nonce, ticket->order);

	if (!call) {
		ticket_take_back(ticket, -ENOMEM);
		return;
	}
	ticket->granted = false;
	ticket_change_state(ticket, ASKING);
	if (ticket->give_up_ns == 0)
		ticket->give_up_ns = boot_ns() + queue->config.timeout_ms * NS_PER_MS;
	queue->references++;
	call->done = on_acquire_reply;
	call->ctx = ticket;
	queue->handlers.on_asking(queue->handlers.ctx, call);
	script_call_start(call);
}

void tickets_lose_all_but(struct wait_queue *queue, const struct ticket *but)
{
	int64_t give_up_ns = boot_ns() + queue->config.timeout_ms * NS_PER_MS;
	struct ticket *ticket, *next;

	HASH_ITER(hh, queue->by_nonce, ticket, next) {
		if (ticket == but || ticket->state != QUEUED || !ticket->acquisition)
			continue;
		ticket_change_state(ticket, LOST);
		ticket->give_up_ns = give_up_ns;
	}
}

void tickets_retry_lost(struct wait_queue *queue)
{
	/* A ticket that cannot be sent is LOST again at once, at the end of the list; the count stops the loop. */
	for (size_t count = queue->lost_count; count > 0 && queue->lost; count--)
		ticket_send_acquire(queue->lost);
}

void tickets_resend_but(struct wait_queue *queue, const struct ticket *but)
{
	tickets_lose_all_but(queue, but);
	tickets_retry_lost(queue);
}
