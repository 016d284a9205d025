/*
 * Polls: calls of heartbeat.lua, each about up to POLL_KEYS_MAX keys. Two things are never notified, so
 * they are polled for: lease expiry, and grants that were not confirmed.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"
#include "backend/util/container_of.h"

#define RETRY_MS 400 /* pause after a poll that failed */

/* Accepts NULL. */
static void free_poll(struct poll *poll)
{
	if (poll && !poll->wait_queue->spare_poll)
		poll->wait_queue->spare_poll = poll;
	else
		free(poll);
}

static void append(struct poll *poll, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(poll->keys + poll->size, text, size);
	poll->size += size;
}

void poll_add(struct poll *poll, const struct key_waiters *waiters)
{
	if (poll->count == POLL_KEYS_MAX)
		return;
	poll->count++;
	append(poll, waiters->key);
	append(poll, waiters->tickets->nonce);
}

/* Stores what a poll found out about one key. */
static void on_key_state(struct wait_queue *queue, const char *key, const struct key_state *state)
{
	struct key_waiters *waiters = key_waiters_find(queue, key);

	if (!waiters)
		return;
	key_waiters_plan_poll(queue, waiters, state);
	/* The ticket was granted the lock, or dropped. A call of acquire.lua confirms the grant or queues it again. */
	if (state->rank < 0 && waiters->tickets->state == QUEUED)
		ticket_send_acquire(waiters->tickets);
}

static void on_polled(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct poll *poll = call->ctx;
	struct wait_queue *queue = poll->wait_queue;
	struct key_state state[POLL_KEYS_MAX];
	const char *at = poll->keys;
	bool was_alive = true;

	(void)age_ms;
	if (status == 0)
		status = reply_key_states(reply, &was_alive, state, poll->count);
	for (size_t i = 0; !queue->closing && i < poll->count; i++) {
		struct key_waiters *waiters = key_waiters_find(queue, at);

		if (status == 0)
			on_key_state(queue, at, &state[i]);
		else if (waiters)
			key_waiters_poll_in(queue, waiters, RETRY_MS);
		at += strlen(at) + 1; /* skips the key */
		at += strlen(at) + 1; /* skips the nonce */
	}
	/* The server had taken this mount for dead and dropped tickets of it. */
	if (!was_alive && !queue->closing)
		wait_queue_resend(queue);
	free_poll(poll);
	wait_queue_drop_reference(queue);
}

void poll_start(struct poll *poll)
{
	struct wait_queue *queue = poll->wait_queue;
	struct script_call *call = script_call_new(queue->calls, SCRIPT_HEARTBEAT, "");

	queue->references++;
	if (!call) {
		free_poll(poll);
		wait_queue_drop_reference(queue);
		return;
	}
	script_call_add_bytes(call, poll->keys, poll->size);
	call->of_mount = true;
	call->done = on_polled;
	call->ctx = poll;
	script_call_start(call);
}

struct poll *poll_new(struct wait_queue *queue)
{
	struct poll *poll = queue->spare_poll;

	queue->spare_poll = NULL;
	if (!poll)
		poll = malloc(sizeof(*poll));
	if (poll) {
		poll->wait_queue = queue;
		poll->count = 0;
		poll->size = 0;
	}
	return poll;
}

struct key_waiters *poll_key_waiters(struct heap_item *item)
{
	return container_of(item, struct key_waiters, poll);
}

/* Polls the keys that are due, POLL_KEYS_MAX at most. Returns false if no key was due or there is no memory. */
static bool poll_due(struct wait_queue *queue, int64_t now_ns)
{
	struct poll *poll = poll_new(queue);
	struct heap_item *first;

	while ((first = heap_first(&queue->poll_deadlines.heap)) && first->due <= now_ns) {
		struct key_waiters *waiters = poll_key_waiters(first);

		if (poll && poll->count == POLL_KEYS_MAX)
			break;
		key_waiters_stop_polling(queue, waiters);
		if (poll)
			poll_add(poll, waiters);
		else
			key_waiters_poll_in(queue, waiters, RETRY_MS);
	}
	if (poll && poll->count > 0) {
		poll_start(poll);
		return true;
	}
	free_poll(poll);
	return false;
}

void polls_on_due(struct deadlines *deadlines)
{
	struct wait_queue *queue = container_of(deadlines, struct wait_queue, poll_deadlines);
	int64_t now_ns = boot_ns();

	while (poll_due(queue, now_ns))
		;
	deadlines_arm(deadlines);
}
