/*
 * Computes when leases end. A deadline here is never earlier than the expiry in the server, so
 * an EXPIRED event is never made of a lock that is still held.
 */
#include "backend/redis/notify/lease_expiry.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/hash.h"

/* The server counts leases in whole milliseconds, and reads its clock once for a command: up to 2 ms. */
#define SERVER_TICKS_MS 2

/* The leases of one key: of one exclusive holding, or of shared ones. Freed with the last one. */
struct leased_key {
	struct lease *by_token;
	UT_hash_handle hh;
	char key[];
};

struct lease {
	struct leased_key *of;
	struct heap_item end;
	uint64_t token;
	bool shared;
	enum lock_form form;
	int64_t ttl_ms; /* the whole lease */
	int64_t end_us; /* since the epoch, by the server's clock */
	UT_hash_handle hh; /* in the table of the key */
	char owner[];
};

static struct leased_key *find_key(const struct lease_expiry *expiry, const char *key)
{
	struct leased_key *leased;

	HASH_FIND_STR(expiry->by_key, key, leased);
	return leased;
}

static struct lease *find(const struct leased_key *leased, uint64_t token)
{
	struct lease *lease = NULL;

	if (leased)
		HASH_FIND(hh, leased->by_token, &token, sizeof(token), lease);
	return lease;
}

static void put_key(struct lease_expiry *expiry, struct leased_key *leased)
{
	if (leased->by_token)
		return;
	HASH_DELETE(hh, expiry->by_key, leased);
	free(leased);
}

static void drop(struct lease_expiry *expiry, struct lease *lease)
{
	struct leased_key *leased = lease->of;

	heap_remove(&expiry->ends.heap, &lease->end);
	HASH_DELETE(hh, leased->by_token, lease);
	free(lease);
	put_key(expiry, leased);
}

static void expire(struct lease_expiry *expiry, struct lease *lease)
{
	struct lock_event event = {
		.kind = EVENT_EXPIRED,
		.key = lease->of->key,
		.token = lease->token,
		.ttl_ms = lease->ttl_ms,
		.shared = lease->shared,
		.form = lease->form,
		.owner = lease->owner,
		.time_us = lease->end_us,
	};

	expiry->on_event(expiry->ctx, &event);
	drop(expiry, lease);
}

/* Returns NULL if there is no memory. */
static struct leased_key *get_key(struct lease_expiry *expiry, const char *key)
{
	struct leased_key *leased = find_key(expiry, key);

	if (leased)
		return leased;
	leased = calloc(1, sizeof(*leased) + strlen(key) + 1);
	if (!leased)
		return NULL;
	stpcpy(leased->key, key);
	HASH_ADD_STR(expiry->by_key, key, leased);
	if (leased->hh.tbl)
		return leased;
	free(leased);
	return NULL;
}

static struct lease *new_lease(const struct lock_event *event)
{
	const char *owner = event->owner ? event->owner : "";
	size_t owner_size = strnlen(owner, EVENT_OWNER_MAX - 1) + 1;
	struct lease *lease = calloc(1, sizeof(*lease) + owner_size);

	if (!lease)
		return NULL;
	memcpy(lease->owner, owner, owner_size - 1);
	lease->token = event->token;
	lease->shared = event->shared;
	lease->form = event->form;
	return lease;
}

/* Returns NULL if there is no memory. Then no EXPIRED event is made; waiters poll the server as well. */
static struct lease *add(struct lease_expiry *expiry, const struct lock_event *event, int64_t end_ns)
{
	struct leased_key *leased = get_key(expiry, event->key);
	struct lease *lease = leased ? new_lease(event) : NULL;

	if (!lease || heap_insert(&expiry->ends.heap, &lease->end, end_ns) < 0)
		goto fail;
	HASH_ADD(hh, leased->by_token, token, sizeof(lease->token), lease);
	if (!lease->hh.tbl) {
		heap_remove(&expiry->ends.heap, &lease->end);
		goto fail;
	}
	lease->of = leased;
	return lease;
fail:
	free(lease);
	if (leased)
		put_key(expiry, leased);
	return NULL;
}

/*
 * Schedules the end of a lease of which `left_ms` are left. The message was sent before we received
 * it, so the server's expiry is never later than this deadline.
 */
static void schedule(struct lease_expiry *expiry, const struct lock_event *event, int64_t left_ms)
{
	int64_t end_ns = boot_ns() + (left_ms + SERVER_TICKS_MS) * NS_PER_MS;
	struct lease *lease = find(find_key(expiry, event->key), event->token);

	if (lease)
		heap_move(&expiry->ends.heap, &lease->end, end_ns);
	else
		lease = add(expiry, event, end_ns);
	if (!lease)
		return;
	lease->ttl_ms = event->ttl_ms;
	/* The server counts in whole milliseconds. */
	lease->end_us = (event->time_us / 1000 + left_ms) * 1000;
	deadlines_arm(&expiry->ends);
}

/* Returns a lease of the key that is over if the holding of this event exists, or NULL: shared holdings exist beside each other. */
static struct lease *find_ended(const struct leased_key *leased, const struct lock_event *event)
{
	struct lease *lease, *next;

	/* Leases that are kept beside each other are all shared. */
	if (event->shared && leased->by_token->shared)
		return NULL;
	HASH_ITER(hh, leased->by_token, lease, next)
		if (lease->token != event->token)
			return lease;
	return NULL;
}

/* Finds the lease of the holding that an event is about. Leases of the key that must be over by then expire now. */
static struct lease *find_present(struct lease_expiry *expiry, const struct lock_event *event)
{
	struct leased_key *leased;
	struct lease *ended;

	while ((leased = find_key(expiry, event->key)) && (ended = find_ended(leased, event)))
		expire(expiry, ended);
	return find(leased, event->token);
}

void lease_expiry_tell(struct lease_expiry *expiry, const struct lock_event *event)
{
	struct lease *lease = find_present(expiry, event);
	/* ACQUIRED of a known lease means that its holder opened it again (publish.lua): no new lease begins. */
	bool begins = event->kind == EVENT_REFRESHED || (event->kind == EVENT_ACQUIRED && !lease);

	expiry->on_event(expiry->ctx, event);
	if (begins && event->ttl_ms > 0)
		schedule(expiry, event, event->ttl_ms);
	else if (lease && event_ends_holding(event))
		drop(expiry, lease);
}

void lease_expiry_adopt(struct lease_expiry *expiry, const struct lock_event *held, int64_t left_ms)
{
	find_present(expiry, held);
	if (left_ms > 0)
		schedule(expiry, held, left_ms);
}

/* After on_due(), the timer is armed again by lease_expiry_end(). */
static void on_first_due(struct deadlines *ends)
{
	struct lease_expiry *expiry = container_of(ends, struct lease_expiry, ends);
	const struct heap_item *first = heap_first(&ends->heap);

	if (first && first->due <= boot_ns())
		expiry->on_due(expiry);
	else
		deadlines_arm(ends);
}

void lease_expiry_end(struct lease_expiry *expiry, int64_t until_ns)
{
	struct heap_item *first;

	while ((first = heap_first(&expiry->ends.heap)) && first->due <= until_ns)
		expire(expiry, container_of(first, struct lease, end));
	deadlines_arm(&expiry->ends);
}

int lease_expiry_init(struct lease_expiry *expiry, const struct backend_config *config, void (*on_due)(struct lease_expiry *expiry))
{
	*expiry = (struct lease_expiry){ .on_event = config->on_event, .ctx = config->ctx, .on_due = on_due };
	return deadlines_init(&expiry->ends, config->loop, on_first_due);
}

void lease_expiry_forget(struct lease_expiry *expiry)
{
	while (expiry->by_key)
		drop(expiry, expiry->by_key->by_token);
}

void lease_expiry_close(struct lease_expiry *expiry, uv_close_cb closed, void *data)
{
	lease_expiry_forget(expiry);
	expiry->ends.poll.data = data;
	deadlines_close(&expiry->ends, closed);
}
