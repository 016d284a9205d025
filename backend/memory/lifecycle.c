/* How holdings of the memory backend begin and end: granting, leases, expiry, handing over to waiters. */
#include <errno.h>
#include <stddef.h>

#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"

static struct mem_lock *lock_of_lease(struct heap_item *item)
{
	return (struct mem_lock *)((char *)item - offsetof(struct mem_lock, lease));
}

/* Events. What ends a holding is told also while nobody listens, but without words. */

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
	if (memory->heard) {
		event.time_us = epoch_ns() / 1000;
		if (lock) {
			struct lock_holder holder = lock_holder_of(lock);

			lock_owner_print(&holder, owner, sizeof(owner));
			event.owner = owner;
		}
	}
	memory->on_event(memory->ctx, &event);
}

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

/* The lease for what is made in `dir`: its own default or the nearest one above. */
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

/* Acquiring and ending */

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

/* Gives the key that just became free to the first who waits for it and can have it. */
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

/*
 * Ends a holding, whatever the reason; the event is told while its key lives.
 * Whoever waits for the key has it when this returns.
 */
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

/* Leases that are ended at once, at the most: some 20 us for a call, and 1 ms for the timer. */
#define CALL_EXPIRES_MAX  16
#define TIMER_EXPIRES_MAX 1000

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

/*
 * Each call begins with it. Where very many leases pass at a time, those that are left are
 * the timer's, and what a call finds of them it ends first, so that none sees what has expired.
 */
int64_t memory_expire_due(struct memory_backend *memory)
{
	return expire(memory, CALL_EXPIRES_MAX);
}

/* What stands at a path now; NULL: nothing. */
struct mem_entry *memory_find_entry(struct memory_backend *memory, const char *path)
{
	struct mem_entry *entry = tree_find(&memory->tree, path);

	if (!entry || entry->kind != ENTRY_LOCK || !mem_lock_is_due((struct mem_lock *)entry, boot_ns()))
		return entry;
	memory_end_holding(memory, (struct mem_lock *)entry, EVENT_EXPIRED);
	return tree_find(&memory->tree, path); /* of who waited for it */
}

void memory_on_lease_due(struct deadlines *leases)
{
	expire(memory_of_leases(leases), TIMER_EXPIRES_MAX);
	deadlines_arm(leases);
}

/* The lock at `key`: 0 where it is the holding that `match` means, else -ENOENT, or -EISDIR and none. */
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
