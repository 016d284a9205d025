#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"
#include "backend/util/text_copy.h"

struct ticket *ticket_new(struct wait_queue *tickets, struct acquisition *acquisition)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket) + text_size(acquisition->key) +
		holder_text_size(&acquisition->holder));
	char *cursor;

	if (!ticket || make_nonce(ticket->nonce) < 0)
		goto fail;
	ticket->tickets = tickets;
	ticket->acquisition = acquisition;
	ticket->wants = *acquisition;
	cursor = ticket->text;
	ticket->wants.key = copy_text(&cursor, acquisition->key);
	ticket->wants.holder = copy_holder(&cursor, &acquisition->holder);
	stpcpy(ticket->order, "0");
	HASH_ADD_STR(tickets->by_nonce, nonce, ticket);
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
	struct wait_queue *tickets = ticket->tickets;

	if (ticket->state == LOST) {
		DL_DELETE2(tickets->lost, ticket, lost_prev, lost_next);
		tickets->lost_count--;
	}
	ticket->state = state;
	if (state == LOST) {
		DL_APPEND2(tickets->lost, ticket, lost_prev, lost_next);
		tickets->lost_count++;
	}
}

static void free_ticket(struct ticket *ticket)
{
	ticket_change_state(ticket, QUEUED);
	key_waiters_leave(ticket);
	HASH_DELETE(hh, ticket->tickets->by_nonce, ticket);
	free(ticket);
}

/* Ends what the caller knows of; the ticket may have a call under way still. */
static void answer(struct ticket *ticket, int status, const struct lock *lock)
{
	struct acquisition *acquisition = ticket->acquisition;
	bool asking = ticket->state == ASKING;

	key_waiters_leave(ticket);
	ticket->acquisition = NULL;
	/* The analyzer does not see that no ticket is LOST, or told of, whose caller has been answered. */
	acquisition->pending = NULL; /* NOLINT(clang-analyzer-core.NullDereference) */
	/* The lock's key is the ticket's. */
	acquisition->done(acquisition->ctx, status, lock);
	if (!asking)
		free_ticket(ticket);
}

/* What a server may have is undone however often it refuses that; of what was never sent it has nothing. */
static void undo(const struct ticket *ticket, const char *key)
{
	if (ticket->known)
		script_calls_undo(ticket->tickets->calls, key, ticket->nonce);
	else if (ticket->refused)
		script_calls_undo_refused(ticket->tickets->calls, key, ticket->nonce);
}

/* Ends it without the lock, and whatever the server has of it. */
void ticket_take_back(struct ticket *ticket, int status)
{
	/* A call under way may still take the lock, or join: that is undone when it is over. */
	if (ticket->state != ASKING)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in answer() */
		undo(ticket, ticket->acquisition->key);
	answer(ticket, status, NULL);
}

static void lose(struct ticket *ticket, int status)
{
	ticket_change_state(ticket, LOST);
	heartbeat_start(ticket->tickets);
	if (ticket->give_up_ns <= boot_ns())
		ticket_take_back(ticket, status);
}

static void queue_up(struct ticket *ticket, const redisReply *reply)
{
	struct wait_queue *tickets = ticket->tickets;
	struct key_waiters *queue = key_waiters_find_or_add(tickets, ticket->acquisition->key);
	struct key_state seen;
	bool was_alive = true;
	int err = queue ? reply_queued(reply, ticket->order, &seen, &was_alive) : -ENOMEM;

	ticket->give_up_ns = 0;
	if (err < 0) {
		if (queue && !queue->tickets)
			key_waiters_free(tickets, queue);
		ticket_take_back(ticket, err == -EPROTO ? -EIO : err);
		return;
	}
	if (!ticket->queue) {
		ticket->queue = queue;
		DL_APPEND(queue->tickets, ticket);
	}
	/* The look goes by the first of a mount's tickets, and by the wishes of all. */
	if (queue->tickets == ticket || !queue->looks || ticket->acquisition->poll_ms > 0)
		key_waiters_plan_poll(tickets, queue, &seen);
	heartbeat_start(tickets);
	if (!was_alive)
		tickets_ask_again_but(tickets, ticket);
	if (ticket->granted)
		ticket_ask(ticket);
}

static void answer_held(struct ticket *ticket, const struct script_call *call, int status, const struct lock *lock)
{
	const struct wait_queue_handlers *owner = &ticket->tickets->owner;

	if (status == 0)
		owner->acquired(owner->ctx, call, lock);
	answer(ticket, status, lock);
}

static void on_asked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct ticket *ticket = call->ctx;
	struct wait_queue *tickets = ticket->tickets;
	struct lock lock;

	ticket_change_state(ticket, QUEUED);
	ticket->refused = call->refused;
	/* A call that was never sent ends with EHOSTDOWN. */
	ticket->known |= !call->refused && status != -EHOSTDOWN;
	if (!ticket->acquisition) {
		/* It was cancelled meanwhile. */
		undo(ticket, call->key);
		free_ticket(ticket);
	} else if (status == -EINPROGRESS) {
		queue_up(ticket, reply);
	} else if (status == -EHOSTDOWN || status == -ETIMEDOUT) {
		lose(ticket, status);
	} else if (status == 0 || status == -EEXIST) {
		int err = acquire_reply(call, status, reply, age_ms, &lock);

		/* An answer that comes after the end of its own lease is no acquisition. */
		if (err < 0)
			ticket_take_back(ticket, err == -EPROTO ? -EIO : -ETIMEDOUT);
		else
			answer_held(ticket, call, status, &lock);
	} else {
		/* The server has nothing of it, but for what an earlier call queued. */
		ticket_take_back(ticket, status == -EPROTO ? -EIO : status);
	}
	wait_queue_drop_user(tickets);
}

/* Joins, confirms what was handed over, or joins again in the old order: the server knows which. */
void ticket_ask(struct ticket *ticket)
{
	struct wait_queue *tickets = ticket->tickets;
	struct script_call *call = acquire_call(tickets->calls, &ticket->wants, ticket->nonce, ticket->order);

	if (!call) {
		ticket_take_back(ticket, -ENOMEM);
		return;
	}
	ticket->granted = false;
	ticket_change_state(ticket, ASKING);
	if (ticket->give_up_ns == 0)
		ticket->give_up_ns = boot_ns() + tickets->config.timeout_ms * NS_PER_MS;
	tickets->users++;
	call->done = on_asked;
	call->ctx = ticket;
	tickets->owner.asking(tickets->owner.ctx, call);
	script_call_start(call);
}

void tickets_lose_all_but(struct wait_queue *tickets, const struct ticket *but)
{
	int64_t give_up_ns = boot_ns() + tickets->config.timeout_ms * NS_PER_MS;
	struct ticket *ticket, *next;

	HASH_ITER(hh, tickets->by_nonce, ticket, next) {
		if (ticket == but || ticket->state != QUEUED || !ticket->acquisition)
			continue;
		ticket_change_state(ticket, LOST);
		ticket->give_up_ns = give_up_ns;
	}
}

void tickets_ask_lost(struct wait_queue *tickets)
{
	/* Who cannot be asked for is lost again at once, behind the others. */
	for (size_t count = tickets->lost_count; count > 0 && tickets->lost; count--)
		ticket_ask(tickets->lost);
}

void tickets_ask_again_but(struct wait_queue *tickets, const struct ticket *but)
{
	tickets_lose_all_but(tickets, but);
	tickets_ask_lost(tickets);
}
