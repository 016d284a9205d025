#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/waiting/wait_queue_internal.h"
#include "backend/util/clock.h"

/* When a look that failed is tried again. */
#define RETRY_MS 400

/* Accepts NULL. */
void poll_free(struct look *look)
{
	if (look && !look->tickets->spare)
		look->tickets->spare = look;
	else
		free(look);
}

static void append(struct look *look, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(look->keys + look->size, text, size);
	look->size += size;
}

void poll_add(struct look *look, const struct key_waiters *queue)
{
	if (look->count == LOOK_MAX)
		return;
	look->count++;
	append(look, queue->key);
	append(look, queue->tickets->nonce);
}

/* Takes in what a look found of one key. */
static void learn(struct wait_queue *tickets, const char *key, const struct key_state *seen)
{
	struct key_waiters *queue = key_waiters_find(tickets, key);

	if (!queue)
		return;
	key_waiters_plan_poll(tickets, queue, seen);
	/* Handed over, or dropped: asking tells which, and mends it. */
	if (seen->rank < 0 && queue->tickets->state == QUEUED)
		ticket_ask(queue->tickets);
}

static void on_looked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct look *look = call->ctx;
	struct wait_queue *tickets = look->tickets;
	struct key_state seen[LOOK_MAX];
	const char *at = look->keys;
	bool was_alive = true;

	(void)age_ms;
	if (status == 0)
		status = reply_key_states(reply, &was_alive, seen, look->count);
	for (size_t i = 0; !tickets->closing && i < look->count; i++) {
		struct key_waiters *queue = key_waiters_find(tickets, at);

		if (status == 0)
			learn(tickets, at, &seen[i]);
		else if (queue)
			key_waiters_poll_in(tickets, queue, RETRY_MS);
		at += strlen(at) + 1; /* behind the key, */
		at += strlen(at) + 1; /* and the nonce */
	}
	/* It had dropped some, maybe all. */
	if (!was_alive && !tickets->closing)
		wait_queue_ask_again(tickets);
	poll_free(look);
	wait_queue_drop_user(tickets);
}

void poll_start(struct look *look)
{
	struct wait_queue *tickets = look->tickets;
	struct script_call *call = script_call_new(tickets->calls, SCRIPT_HEARTBEAT, "");

	tickets->users++;
	if (!call) {
		poll_free(look);
		wait_queue_drop_user(tickets);
		return;
	}
	script_call_add_bytes(call, look->keys, look->size);
	call->of_mount = true;
	call->done = on_looked;
	call->ctx = look;
	script_call_start(call);
}

/* NULL where there is no memory, and one is under way. */
struct look *poll_new(struct wait_queue *tickets)
{
	struct look *look = tickets->spare;

	tickets->spare = NULL;
	if (!look)
		look = malloc(sizeof(*look));
	if (look) {
		look->tickets = tickets;
		look->count = 0;
		look->size = 0;
	}
	return look;
}

struct key_waiters *poll_key_waiters(struct heap_item *item)
{
	return (struct key_waiters *)((char *)item - offsetof(struct key_waiters, look));
}

/* Looks at keys whose time has come, as many as one look is about. False: there were none, or no memory for it. */
static bool look_at_due(struct wait_queue *tickets, int64_t now_ns)
{
	struct look *look = poll_new(tickets);
	struct heap_item *first;

	while ((first = heap_first(&tickets->looks.heap)) && first->due <= now_ns) {
		struct key_waiters *queue = poll_key_waiters(first);

		if (look && look->count == LOOK_MAX)
			break;
		key_waiters_stop_polling(tickets, queue);
		if (look)
			poll_add(look, queue);
		else
			key_waiters_poll_in(tickets, queue, RETRY_MS);
	}
	if (look && look->count > 0) {
		poll_start(look);
		return true;
	}
	poll_free(look);
	return false;
}

void polls_on_due(struct deadlines *looks)
{
	struct wait_queue *tickets = (struct wait_queue *)((char *)looks - offsetof(struct wait_queue, looks));
	int64_t now_ns = boot_ns();

	while (look_at_due(tickets, now_ns))
		;
	deadlines_arm(looks);
}
