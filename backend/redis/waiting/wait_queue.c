/* The entry points of the wait queue: acquire, cancel, messages, loss and return of the server. */
#include "backend/redis/waiting/wait_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/redis/waiting/wait_queue_internal.h"

void wait_queue_drop_reference(struct wait_queue *queue)
{
	if (--queue->references > 0)
		return;
	queue->on_freed(queue->ctx);
	free(queue->spare_poll);
	free(queue);
}

void wait_queue_acquire(struct wait_queue *queue, struct acquisition *acquisition)
{
	struct ticket *ticket = ticket_new(queue, acquisition);

	if (ticket)
		ticket_send_acquire(ticket);
	else
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
}

void wait_queue_cancel(struct wait_queue *queue, struct acquisition *acquisition)
{
	(void)queue;
	ticket_take_back(acquisition->pending, -ECANCELED);
}

void wait_queue_on_grant(struct wait_queue *queue, const char *nonce)
{
	struct ticket *ticket;

	HASH_FIND_STR(queue->by_nonce, nonce, ticket);
	if (!ticket)
		script_calls_undo_again(queue->calls); /* the ticket was undone here, but the server has not done it yet */
	if (!ticket || !ticket->acquisition)
		return;
	if (ticket->state == QUEUED)
		ticket_send_acquire(ticket);
	else
		ticket->granted = true;
}

void wait_queue_on_down(struct wait_queue *queue)
{
	tickets_lose_all_but(queue, NULL);
}

void wait_queue_resend(struct wait_queue *queue)
{
	tickets_resend_but(queue, NULL);
}

bool wait_queue_has(const struct wait_queue *queue, const char *nonce)
{
	const struct ticket *ticket;

	HASH_FIND_STR(queue->by_nonce, nonce, ticket);
	return ticket != NULL;
}

size_t wait_queue_key_count(const struct wait_queue *queue)
{
	return HASH_COUNT(queue->by_key);
}

struct wait_queue *wait_queue_new(const struct backend_config *config, struct script_calls *calls,
                            const struct wait_queue_handlers *handlers)
{
	struct wait_queue *queue = calloc(1, sizeof(*queue));

	if (queue)
		queue->spare_poll = malloc(sizeof(*queue->spare_poll));
	if (!queue || !queue->spare_poll || deadlines_init(&queue->poll_deadlines, config->loop, polls_on_due) < 0) {
		if (queue)
			free(queue->spare_poll);
		free(queue);
		return NULL;
	}
	queue->config = *config;
	queue->calls = calls;
	queue->handlers = *handlers;
	queue->references = 2;
	uv_timer_init(config->loop, &queue->tick);
	queue->tick.data = queue;
	return queue;
}

static void on_closed(uv_handle_t *handle)
{
	wait_queue_drop_reference(handle->data);
}

void wait_queue_close(struct wait_queue *queue, void (*on_freed)(void *ctx), void *ctx)
{
	struct ticket *ticket, *next;

	queue->closing = true;
	queue->on_freed = on_freed;
	queue->ctx = ctx;
	/* The file side has ended, so nobody calls acquire or cancel any more. */
	HASH_ITER(hh, queue->by_nonce, ticket, next)
		if (ticket->acquisition)
			ticket_take_back(ticket, -ESHUTDOWN);
	queue->poll_deadlines.poll.data = queue;
	deadlines_close(&queue->poll_deadlines, on_closed);
	uv_close((uv_handle_t *)&queue->tick, on_closed);
}
