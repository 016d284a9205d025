#include "backend/redis/waiting/wait_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/redis/waiting/wait_queue_internal.h"

void wait_queue_drop_user(struct wait_queue *tickets)
{
	if (--tickets->users > 0)
		return;
	tickets->freed(tickets->ctx);
	free(tickets->spare);
	free(tickets);
}

void wait_queue_acquire(struct wait_queue *tickets, struct acquisition *acquisition)
{
	struct ticket *ticket = ticket_new(tickets, acquisition);

	if (ticket)
		ticket_ask(ticket);
	else
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
}

void wait_queue_cancel(struct wait_queue *tickets, struct acquisition *acquisition)
{
	(void)tickets;
	ticket_take_back(acquisition->pending, -ECANCELED);
}

void wait_queue_on_grant(struct wait_queue *tickets, const char *nonce)
{
	struct ticket *ticket;

	HASH_FIND_STR(tickets->by_nonce, nonce, ticket);
	if (!ticket)
		script_calls_undo_again(tickets->calls); /* it is to be undone, and the server would not yet */
	if (!ticket || !ticket->acquisition)
		return;
	if (ticket->state == QUEUED)
		ticket_ask(ticket);
	else
		ticket->granted = true;
}

void wait_queue_on_down(struct wait_queue *tickets)
{
	tickets_lose_all_but(tickets, NULL);
}

void wait_queue_ask_again(struct wait_queue *tickets)
{
	tickets_ask_again_but(tickets, NULL);
}

bool wait_queue_has(const struct wait_queue *tickets, const char *nonce)
{
	const struct ticket *ticket;

	HASH_FIND_STR(tickets->by_nonce, nonce, ticket);
	return ticket != NULL;
}

size_t wait_queue_key_count(const struct wait_queue *tickets)
{
	return HASH_COUNT(tickets->queues);
}

struct wait_queue *wait_queue_new(const struct backend_config *config, struct script_calls *calls,
                            const struct wait_queue_handlers *owner)
{
	struct wait_queue *tickets = calloc(1, sizeof(*tickets));

	if (tickets)
		tickets->spare = malloc(sizeof(*tickets->spare));
	if (!tickets || !tickets->spare || deadlines_init(&tickets->looks, config->loop, polls_on_due) < 0) {
		if (tickets)
			free(tickets->spare);
		free(tickets);
		return NULL;
	}
	tickets->config = *config;
	tickets->calls = calls;
	tickets->owner = *owner;
	tickets->users = 2;
	uv_timer_init(config->loop, &tickets->tick);
	tickets->tick.data = tickets;
	return tickets;
}

static void on_closed(uv_handle_t *handle)
{
	wait_queue_drop_user(handle->data);
}

void wait_queue_close(struct wait_queue *tickets, void (*freed)(void *ctx), void *ctx)
{
	struct ticket *ticket, *next;

	tickets->closing = true;
	tickets->freed = freed;
	tickets->ctx = ctx;
	/* Nobody asks or cancels any more: the file side has ended. */
	HASH_ITER(hh, tickets->by_nonce, ticket, next)
		if (ticket->acquisition)
			ticket_take_back(ticket, -ESHUTDOWN);
	tickets->looks.poll.data = tickets;
	deadlines_close(&tickets->looks, on_closed);
	uv_close((uv_handle_t *)&tickets->tick, on_closed);
}
