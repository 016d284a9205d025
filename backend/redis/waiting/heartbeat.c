/*
 * The heartbeat: while this mount has tickets, it tells the server every second that it is alive, and
 * polls keys by the way. A timer of four ticks a second drives it and retries lost tickets.
 */
#include <errno.h>
#include <utlist.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"

/* 1 s: the server takes a mount for dead after 3 s of silence (ALIVE in queue.lua). */
#define HEARTBEAT_MS 1000

/* 0.5 s: the first heartbeat comes early, as most grants that are not confirmed went to tickets just queued. */
#define FIRST_HEARTBEAT_MS 500

/* 250 ms, a part of HEARTBEAT_MS: lost tickets are retried or given up at each tick. */
#define TICK_MS 250

static void give_up_late(struct wait_queue *queue)
{
	int64_t now_ns = boot_ns();

	/* An answer may end other tickets, so the list is read from its front each time. */
	for (size_t count = queue->lost_count; count > 0 && queue->lost; count--) {
		struct ticket *ticket = queue->lost;

		if (ticket->give_up_ns <= now_ns)
			ticket_take_back(ticket, -EHOSTDOWN);
		else
			ticket_change_state(ticket, LOST);
	}
}

/*
 * Adds keys to a heartbeat: first those whose leases end soon, as these may have been renewed; then
 * the others in turn, as a lease may have been shortened, another may hold the lock, or another
 * Redis client may have deleted it.
 */
static void fill_heartbeat(struct wait_queue *queue, struct poll *poll)
{
	int64_t soon_ns = boot_ns() + 2 * HEARTBEAT_MS * NS_PER_MS;
	struct heap_item *soon[POLL_KEYS_MAX];
	size_t count = heap_due_before(&queue->poll_deadlines.heap, soon_ns, soon, POLL_KEYS_MAX);
	struct key_waiters *waiters, *last = queue->heartbeat_order ? queue->heartbeat_order->prev : NULL;

	for (size_t i = 0; i < count; i++)
		poll_add(poll, poll_key_waiters(soon[i]));
	while (last && poll->count < POLL_KEYS_MAX) {
		waiters = queue->heartbeat_order;
		DL_DELETE(queue->heartbeat_order, waiters);
		DL_APPEND(queue->heartbeat_order, waiters);
		if (!waiters->is_poll_planned || waiters->poll.due >= soon_ns)
			poll_add(poll, waiters);
		if (waiters == last)
			break;
	}
}

static void send_heartbeat(struct wait_queue *queue)
{
	struct poll *poll = queue->by_key ? poll_new(queue) : NULL;

	queue->ticks_to_heartbeat = HEARTBEAT_MS / TICK_MS;
	if (!poll)
		return;
	fill_heartbeat(queue, poll);
	poll_start(poll);
}

static void on_tick(uv_timer_t *timer)
{
	struct wait_queue *queue = timer->data;

	give_up_late(queue);
	/* A server can refuse a call and accept the next one while the connection stays up. */
	if (script_calls_are_up(queue->calls))
		tickets_retry_lost(queue);
	if (!queue->by_nonce) {
		uv_timer_stop(timer);
		queue->is_ticking = false;
		return;
	}
	if (--queue->ticks_to_heartbeat == 0)
		send_heartbeat(queue);
}

void heartbeat_start(struct wait_queue *queue)
{
	if (queue->is_ticking)
		return;
	queue->is_ticking = true;
	queue->ticks_to_heartbeat = FIRST_HEARTBEAT_MS / TICK_MS;
	uv_timer_start(&queue->tick, on_tick, TICK_MS, TICK_MS);
}
