/*
 * How holdings of the memory backend begin and end: acquisition, leases, expiry, handing over to waiters.
 *
 * Expiry takes two ways, so that very many leases that end at once delay nobody for long: the timer ends
 * all of them, some at a time, and a call ends the one that it meets.
 */
#include <errno.h>
#include <stddef.h>

#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"
#include "backend/util/container_of.h"

static struct mem_lock *lock_of_lease(struct heap_item *item)
{
	return container_of(item, struct mem_lock, lease);
}

/* While nobody listens, an event has neither owner nor time, which take long to find out. fs/ needs the rest anyway. */
void memory_publish_event(struct memory_backend *memory, enum lock_event_kind kind, const char *key,
                          const struct mem_lock *lock)
{
	char owner[EVENT_OWNER_MAX];
	struct lock_event event = {
		.kind = kind,
		.key = key,
		.token = lock ? lock->token : 0,
		.ttl_ms = lock ? lock->ttl_ms : LEASE_UNSET,
	};

	if (!memory->on_event)
		return;
	if (memory->is_listening) {
		event.time_us = epoch_ns() / 1000;
		if (lock) {
			struct lock_holder holder = lock_holder_of(lock);

			lock_owner_print(&holder, owner, sizeof(owner));
			event.owner = owner;
		}
	}
	memory->on_event(memory->ctx, &event);
}

/* Tokens are microseconds since the epoch, so that they also grow when the daemon is started again. */
static uint64_t next_token(struct memory_backend *memory)
{
	uint64_t now_us = (uint64_t)(epoch_ns() / 1000);

	if (now_us <= memory->last_token)
		now_us = memory->last_token + 1;
	memory->last_token = now_us;
	return now_us;
}

static int64_t lease_end(int64_t now_ns, int64_t ttl_ms)
{
	return now_ns + ttl_ms * NS_PER_MS;
}

int64_t mem_dir_default_ttl(const struct mem_dir *dir)
{
	for (; dir; dir = dir->entry.parent)
		if (dir->info.default_ttl_ms != LEASE_UNSET)
			return dir->info.default_ttl_ms;
	return LEASE_UNSET;
}

static int64_t resolve_ttl(const struct acquisition *acquisition, const struct mem_dir *parent)
{
	int64_t ttl_ms = acquisition->ttl_ms;

	if (ttl_ms == LEASE_UNSET)
		ttl_ms = mem_dir_default_ttl(parent);
	return ttl_ms == LEASE_UNSET ? acquisition->fallback_ttl_ms : ttl_ms;
}

int memory_grant(struct memory_backend *memory, struct mem_dir *parent, const struct acquisition *acquisition,
                 int64_t now_ns, struct mem_lock **ret)
{
	struct mem_lock *lock;
	int err = tree_add_lock(&memory->tree, parent, acquisition->key, &acquisition->holder, &lock);

	if (err < 0)
		return err;
	lock->ttl_ms = resolve_ttl(acquisition, parent);
	if (lock->ttl_ms != LEASE_NEVER &&
		heap_insert(&memory->leases.heap, &lock->lease, lease_end(now_ns, lock->ttl_ms)) < 0) {
		tree_remove(&memory->tree, &lock->entry);
		return -ENOMEM;
	}
	lock->token = next_token(memory);
	memory->lock_count++;
	lock->acquired_ms = epoch_ns() / NS_PER_MS;
	lock->refreshed_ms = lock->acquired_ms;
	deadlines_arm(&memory->leases);
	memory_publish_event(memory, EVENT_ACQUIRED, acquisition->key, lock);
	*ret = lock;
	return 0;
}

/* Grants the key, which has just become free, to the first waiter that can have it. */
static void pass_on(struct memory_backend *memory, struct mem_queue *queue, struct mem_dir *parent)
{
	struct mem_lock *lock = NULL;

	while (!lock) {
		struct mem_waiter *first = queue->waiters;
		struct acquisition *acquisition = first->acquisition;
		bool last = !first->next;
		int64_t now_ns = boot_ns();
		int status = memory_grant(memory, parent, acquisition, now_ns, &lock);

		if (status == 0)
			queue_attach(queue, lock);
		queue_leave(&memory->queues, first);
		memory_answer_lock(status, lock, now_ns, acquisition->done, acquisition->ctx);
		if (last)
			return;
	}
}

/* The event and on_ended come before the lock is freed, as its path is their key. */
void memory_end_holding(struct memory_backend *memory, struct mem_lock *lock, enum lock_event_kind why)
{
	struct mem_queue *queue = lock->queue;
	struct mem_dir *parent = lock->entry.parent;

	if (lock->ttl_ms != LEASE_NEVER)
		heap_remove(&memory->leases.heap, &lock->lease);
	memory_publish_event(memory, why, lock->entry.path, lock);
	if (memory->on_ended && why != EVENT_EXPIRED)
		memory->on_ended(memory->ctx, lock->entry.path, lock->token, why == EVENT_FORCE_RELEASED);
	if (queue)
		queue_attach(queue, NULL);
	tree_remove(&memory->tree, &lock->entry);
	memory->lock_count--;
	if (queue)
		pass_on(memory, queue, parent);
}

/* Most leases that one call, or one turn of the timer, ends. */
#define CALL_EXPIRES_MAX  16   /* some 20 us */
#define TIMER_EXPIRES_MAX 1000 /* some 1 ms */

bool mem_lock_is_due(const struct mem_lock *lock, int64_t now_ns)
{
	return lock->ttl_ms != LEASE_NEVER && lock->lease.due <= now_ns;
}

static int64_t expire(struct memory_backend *memory, int most)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	for (int i = 0; i < most && (first = heap_first(&memory->leases.heap)) && first->due <= now_ns; i++)
		memory_end_holding(memory, lock_of_lease(first), EVENT_EXPIRED);
	return now_ns;
}

int64_t memory_expire_due(struct memory_backend *memory)
{
	return expire(memory, CALL_EXPIRES_MAX);
}

struct mem_entry *memory_find_entry(struct memory_backend *memory, const char *path)
{
	struct mem_entry *entry = tree_find(&memory->tree, path);

	if (!entry || entry->kind != ENTRY_LOCK || !mem_lock_is_due((struct mem_lock *)entry, boot_ns()))
		return entry;
	memory_end_holding(memory, (struct mem_lock *)entry, EVENT_EXPIRED);
	return tree_find(&memory->tree, path); /* the lock of the waiter that was granted the key, or NULL */
}

void memory_on_lease_due(struct deadlines *leases)
{
	expire(memory_of_leases(leases), TIMER_EXPIRES_MAX);
	deadlines_arm(leases);
}

int memory_find_lock(struct memory_backend *memory, const char *key, struct holding_match match,
                     struct mem_lock **ret)
{
	struct mem_entry *entry = memory_find_entry(memory, key);

	if (!entry)
		return -ENOENT;
	if (entry->kind != ENTRY_LOCK)
		return -EISDIR;

	*ret = (struct mem_lock *)entry;
	return holding_matches(match, (*ret)->token) ? 0 : -ENOENT;
}

void memory_restart_lease(struct memory_backend *memory, struct mem_lock *lock, int64_t now_ns)
{
	heap_move(&memory->leases.heap, &lock->lease, lease_end(now_ns, lock->ttl_ms));
	lock->refreshed_ms = epoch_ns() / NS_PER_MS;
	deadlines_arm(&memory->leases);
}
