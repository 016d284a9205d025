#include "backend/redis/notify/lease_expiry.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"

/* The server counts in whole milliseconds, and looks at its clock once for a command. */
#define SERVER_TICKS_MS 2

struct lease {
	struct heap_item end;
	uint64_t token;
	int64_t ttl_ms;
	int64_t end_us; /* since the epoch, by the server's clock */
	char *owner;    /* behind the key */
	UT_hash_handle hh;
	char key[];
};

static struct lease *find(const struct lease_expiry *leases, const char *key)
{
	struct lease *lease;

	HASH_FIND_STR(leases->by_key, key, lease);
	return lease;
}

static void drop(struct lease_expiry *leases, struct lease *lease)
{
	heap_remove(&leases->ends.heap, &lease->end);
	HASH_DELETE(hh, leases->by_key, lease);
	free(lease);
}

static void expire(struct lease_expiry *leases, struct lease *lease)
{
	struct lock_event event = {
		.kind = EVENT_EXPIRED,
		.key = lease->key,
		.token = lease->token,
		.ttl_ms = lease->ttl_ms,
		.owner = lease->owner,
		.time_us = lease->end_us,
	};

	leases->on_event(leases->ctx, &event);
	drop(leases, lease);
}

/* Without memory for it, its end is not told: whoever needs to know asks the server as well. */
static struct lease *add(struct lease_expiry *leases, const struct lock_event *event, int64_t end_ns)
{
	const char *owner = event->owner ? event->owner : "";
	size_t owner_size = strnlen(owner, EVENT_OWNER_MAX - 1) + 1;
	struct lease *lease = calloc(1, sizeof(*lease) + strlen(event->key) + 1 + owner_size);

	if (!lease)
		return NULL;
	lease->owner = stpcpy(lease->key, event->key) + 1;
	memcpy(lease->owner, owner, owner_size - 1);
	if (heap_insert(&leases->ends.heap, &lease->end, end_ns) < 0) {
		free(lease);
		return NULL;
	}
	HASH_ADD_STR(leases->by_key, key, lease);
	if (!lease->hh.tbl) {
		heap_remove(&leases->ends.heap, &lease->end);
		free(lease);
		return NULL;
	}
	return lease;
}

/* So much is left of a lease now. The server said so before it was heard, so it is over there by then. */
static void keep(struct lease_expiry *leases, const struct lock_event *event, int64_t left_ms)
{
	int64_t end_ns = boot_ns() + (left_ms + SERVER_TICKS_MS) * NS_PER_MS;
	struct lease *lease = find(leases, event->key);

	if (lease)
		heap_move(&leases->ends.heap, &lease->end, end_ns);
	else
		lease = add(leases, event, end_ns);
	if (!lease)
		return;
	lease->token = event->token;
	lease->ttl_ms = event->ttl_ms;
	/* The server counts in whole milliseconds. */
	lease->end_us = (event->time_us / 1000 + left_ms) * 1000;
	deadlines_arm(&leases->ends);
}

/* The lease of the holding that an event is about; that of another is over by then, and told to be. */
static struct lease *find_present(struct lease_expiry *leases, const struct lock_event *event)
{
	struct lease *lease = find(leases, event->key);

	if (!lease || lease->token == event->token)
		return lease;
	expire(leases, lease);
	return NULL;
}

void lease_expiry_tell(struct lease_expiry *leases, const struct lock_event *event)
{
	struct lease *lease = find_present(leases, event);
	/* That its holder opened it again (publish.lua) begins no lease. */
	bool begins = event->kind == EVENT_REFRESHED || (event->kind == EVENT_ACQUIRED && !lease);

	leases->on_event(leases->ctx, event);
	if (begins && event->ttl_ms > 0)
		keep(leases, event, event->ttl_ms);
	else if (lease && event_ends_holding(event))
		drop(leases, lease);
}

void lease_expiry_adopt(struct lease_expiry *leases, const struct lock_event *held, int64_t left_ms)
{
	find_present(leases, held);
	if (left_ms > 0)
		keep(leases, held, left_ms);
}

/* The timer is set again by lease_expiry_end(). */
static void on_first_due(struct deadlines *ends)
{
	struct lease_expiry *leases = (struct lease_expiry *)((char *)ends - offsetof(struct lease_expiry, ends));
	const struct heap_item *first = heap_first(&ends->heap);

	if (first && first->due <= boot_ns())
		leases->on_due(leases);
	else
		deadlines_arm(ends);
}

void lease_expiry_end(struct lease_expiry *leases, int64_t until_ns)
{
	struct heap_item *first;

	while ((first = heap_first(&leases->ends.heap)) && first->due <= until_ns)
		expire(leases, (struct lease *)((char *)first - offsetof(struct lease, end)));
	deadlines_arm(&leases->ends);
}

int lease_expiry_init(struct lease_expiry *leases, const struct backend_config *config, void (*on_due)(struct lease_expiry *leases))
{
	*leases = (struct lease_expiry){ .on_event = config->on_event, .ctx = config->ctx, .on_due = on_due };
	return deadlines_init(&leases->ends, config->loop, on_first_due);
}

void lease_expiry_forget(struct lease_expiry *leases)
{
	struct lease *lease, *next;

	HASH_ITER(hh, leases->by_key, lease, next)
		drop(leases, lease);
}

void lease_expiry_close(struct lease_expiry *leases, uv_close_cb closed, void *owner)
{
	lease_expiry_forget(leases);
	leases->ends.poll.data = owner;
	deadlines_close(&leases->ends, closed);
}
