#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"

/* The server counts in whole milliseconds. */
#define SERVER_TICK_MS 1

/* Clients that lock past lockfs tell nobody when they release. */
#define FOREIGN_LOOK_MS 1000

/* The mount of the first ticket looks first at the end of a lease, the others in case it is dead. */
#define STAGGER_MS 10
#define STAGGER_MAX 20

struct key_waiters *key_waiters_find(const struct wait_queue *tickets, const char *key)
{
	struct key_waiters *queue;

	HASH_FIND_STR(tickets->queues, key, queue);
	return queue;
}

struct key_waiters *key_waiters_find_or_add(struct wait_queue *tickets, const char *key)
{
	struct key_waiters *queue = key_waiters_find(tickets, key);

	if (queue)
		return queue;
	queue = calloc(1, sizeof(*queue) + strlen(key) + 1);
	if (!queue)
		return NULL;
	stpcpy(queue->key, key);
	HASH_ADD_STR(tickets->queues, key, queue);
	if (!queue->hh.tbl) {
		free(queue);
		return NULL;
	}
	DL_APPEND(tickets->turn, queue);
	return queue;
}

void key_waiters_free(struct wait_queue *tickets, struct key_waiters *queue)
{
	DL_DELETE(tickets->turn, queue);
	HASH_DELETE(hh, tickets->queues, queue);
	free(queue);
}

void key_waiters_stop_polling(struct wait_queue *tickets, struct key_waiters *queue)
{
	if (queue->looks)
		heap_remove(&tickets->looks.heap, &queue->look);
	queue->looks = false;
}

void key_waiters_poll_in(struct wait_queue *tickets, struct key_waiters *queue, int64_t ms)
{
	int64_t due_ns = boot_ns() + ms * NS_PER_MS;

	/* Without memory for it, the beat still finds what was handed over. */
	key_waiters_stop_polling(tickets, queue);
	queue->looks = heap_insert(&tickets->looks.heap, &queue->look, due_ns) == 0;
	deadlines_arm(&tickets->looks);
}

static int64_t stagger(int64_t rank)
{
	return (rank < STAGGER_MAX ? rank : STAGGER_MAX) * STAGGER_MS;
}

/* In how many ms the server is to be asked about a key; -1: not by itself. */
static int64_t next_look(const struct key_waiters *queue)
{
	const struct key_state *seen = &queue->seen;
	int64_t ms = -1;
	const struct ticket *ticket;

	if (seen->left_ms != LEASE_NEVER)
		ms = (seen->left_ms > 0 ? seen->left_ms : 0) + SERVER_TICK_MS + stagger(seen->rank);
	if (seen->foreign && (ms < 0 || ms > FOREIGN_LOOK_MS))
		ms = FOREIGN_LOOK_MS;
	DL_FOREACH(queue->tickets, ticket) {
		int64_t wish_ms = ticket->acquisition->poll_ms;

		if (wish_ms > 0 && (ms < 0 || ms > wish_ms))
			ms = wish_ms;
	}
	return ms;
}

/* How it stands with a key was just learnt. */
void key_waiters_plan_poll(struct wait_queue *tickets, struct key_waiters *queue, const struct key_state *seen)
{
	int64_t ms;

	queue->seen = *seen;
	ms = next_look(queue);
	if (ms < 0)
		key_waiters_stop_polling(tickets, queue);
	else
		key_waiters_poll_in(tickets, queue, ms);
}

void key_waiters_leave(struct ticket *ticket)
{
	struct wait_queue *tickets = ticket->tickets;
	struct key_waiters *queue = ticket->queue;

	if (!queue)
		return;
	ticket->queue = NULL;
	DL_DELETE(queue->tickets, ticket);
	if (queue->tickets)
		return;
	key_waiters_stop_polling(tickets, queue);
	key_waiters_free(tickets, queue);
}
