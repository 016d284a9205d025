/*
 * The waiters of one key on this mount, and when the server is polled about the key. Lease expiry is not
 * notified, so each key is polled just after its lease ends.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"

#define SERVER_TICK_MS 1 /* the server counts in whole milliseconds */

/* 1 s: other Redis clients release without a notification. */
#define FOREIGN_POLL_MS 1000

/* The mount of the first ticket polls first; each ticket behind it polls 10 ms later, in case that mount is dead. */
#define STAGGER_MS 10
#define STAGGER_MAX 20 /* tickets */

struct key_waiters *key_waiters_find(const struct wait_queue *queue, const char *key)
{
	struct key_waiters *waiters;

	HASH_FIND_STR(queue->by_key, key, waiters);
	return waiters;
}

struct key_waiters *key_waiters_find_or_add(struct wait_queue *queue, const char *key)
{
	struct key_waiters *waiters = key_waiters_find(queue, key);

	if (waiters)
		return waiters;
	waiters = calloc(1, sizeof(*waiters) + strlen(key) + 1);
	if (!waiters)
		return NULL;
	stpcpy(waiters->key, key);
	HASH_ADD_STR(queue->by_key, key, waiters);
	if (!waiters->hh.tbl) {
		free(waiters);
		return NULL;
	}
	DL_APPEND(queue->heartbeat_order, waiters);
	return waiters;
}

void key_waiters_free(struct wait_queue *queue, struct key_waiters *waiters)
{
	DL_DELETE(queue->heartbeat_order, waiters);
	HASH_DELETE(hh, queue->by_key, waiters);
	free(waiters);
}

void key_waiters_stop_polling(struct wait_queue *queue, struct key_waiters *waiters)
{
	if (waiters->is_poll_planned)
		heap_remove(&queue->poll_deadlines.heap, &waiters->poll);
	waiters->is_poll_planned = false;
}

void key_waiters_poll_in(struct wait_queue *queue, struct key_waiters *waiters, int64_t ms)
{
	int64_t due_ns = boot_ns() + ms * NS_PER_MS;

	/* If there is no memory for the deadline, the heartbeat still finds a grant. */
	key_waiters_stop_polling(queue, waiters);
	waiters->is_poll_planned = heap_insert(&queue->poll_deadlines.heap, &waiters->poll, due_ns) == 0;
	deadlines_arm(&queue->poll_deadlines);
}

static int64_t stagger(int64_t rank)
{
	return (rank < STAGGER_MAX ? rank : STAGGER_MAX) * STAGGER_MS;
}

/* Returns in how many ms to poll the server about a key; -1: only the heartbeat polls it. */
static int64_t next_poll_ms(const struct key_waiters *waiters)
{
	const struct key_state *state = &waiters->state;
	int64_t ms = -1;
	const struct ticket *ticket;

	if (state->left_ms != LEASE_NEVER)
		ms = (state->left_ms > 0 ? state->left_ms : 0) + SERVER_TICK_MS + stagger(state->rank);
	if (state->foreign && (ms < 0 || ms > FOREIGN_POLL_MS))
		ms = FOREIGN_POLL_MS;
	DL_FOREACH(waiters->tickets, ticket) {
		int64_t poll_ms = ticket->acquisition->poll_ms;

		if (poll_ms > 0 && (ms < 0 || ms > poll_ms))
			ms = poll_ms;
	}
	return ms;
}

void key_waiters_plan_poll(struct wait_queue *queue, struct key_waiters *waiters, const struct key_state *state)
{
	int64_t ms;

	waiters->state = *state;
	ms = next_poll_ms(waiters);
	if (ms < 0)
		key_waiters_stop_polling(queue, waiters);
	else
		key_waiters_poll_in(queue, waiters, ms);
}

void key_waiters_leave(struct ticket *ticket)
{
	struct wait_queue *queue = ticket->wait_queue;
	struct key_waiters *waiters = ticket->key_waiters;

	if (!waiters)
		return;
	ticket->key_waiters = NULL;
	DL_DELETE(waiters->tickets, ticket);
	if (waiters->tickets)
		return;
	key_waiters_stop_polling(queue, waiters);
	key_waiters_free(queue, waiters);
}
