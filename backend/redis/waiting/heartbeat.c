#include <errno.h>
#include <utlist.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"

/* The server takes a mount for dead after three beats that it did not hear (ALIVE in queue.lua). */
#define BEAT_MS 1000

/* The first beat comes early, as most hand-overs that nobody takes are of those who came just before. */
#define FIRST_BEAT_MS 500

/* So often those are asked for, or given up, that the server could not be asked for; a part of each beat. */
#define TICK_MS 250

static void give_up_late(struct wait_queue *tickets)
{
	int64_t now_ns = boot_ns();

	/* Answering one may end others, so each is taken from the front. */
	for (size_t count = tickets->lost_count; count > 0 && tickets->lost; count--) {
		struct ticket *ticket = tickets->lost;

		if (ticket->give_up_ns <= now_ns)
			ticket_take_back(ticket, -EHOSTDOWN);
		else
			ticket_change_state(ticket, LOST);
	}
}

/*
 * The word that this mount lives also asks about leases that end soon, as they may
 * have been renewed, and about other keys in turn: a lease may have been shortened,
 * or be that of somebody else by now, and a lock may have been deleted past lockfs.
 */
static void fill_beat(struct wait_queue *tickets, struct look *look)
{
	int64_t soon_ns = boot_ns() + 2 * BEAT_MS * NS_PER_MS;
	struct heap_item *soon[LOOK_MAX];
	size_t count = heap_due_before(&tickets->looks.heap, soon_ns, soon, LOOK_MAX);
	struct key_waiters *queue, *last = tickets->turn ? tickets->turn->prev : NULL;

	for (size_t i = 0; i < count; i++)
		poll_add(look, poll_key_waiters(soon[i]));
	while (last && look->count < LOOK_MAX) {
		queue = tickets->turn;
		DL_DELETE(tickets->turn, queue);
		DL_APPEND(tickets->turn, queue);
		if (!queue->looks || queue->look.due >= soon_ns)
			poll_add(look, queue);
		if (queue == last)
			break;
	}
}

static void beat(struct wait_queue *tickets)
{
	struct look *look = tickets->queues ? poll_new(tickets) : NULL;

	tickets->ticks_left = BEAT_MS / TICK_MS;
	if (!look)
		return;
	fill_beat(tickets, look);
	poll_start(look);
}

static void on_tick(uv_timer_t *timer)
{
	struct wait_queue *tickets = timer->data;

	give_up_late(tickets);
	/* What the server refused for a moment, over a connection that lasts. */
	if (script_calls_are_up(tickets->calls))
		tickets_ask_lost(tickets);
	if (!tickets->by_nonce) {
		uv_timer_stop(timer);
		tickets->ticks = false;
		return;
	}
	if (--tickets->ticks_left == 0)
		beat(tickets);
}

void heartbeat_start(struct wait_queue *tickets)
{
	if (tickets->ticks)
		return;
	tickets->ticks = true;
	tickets->ticks_left = FIRST_BEAT_MS / TICK_MS;
	uv_timer_start(&tickets->tick, on_tick, TICK_MS, TICK_MS);
}
