/*
 * How holdings of the memory backend begin and end: who may have a lock, leases, expiry, handing over to waiters.
 *
 * Expiry takes two ways, so that very many leases that end at once delay nobody for long: the timer ends
 * all of them, some at a time, and a call ends the one that it meets.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/text/key.h"

static struct mem_holding *holding_of_lease(struct heap_item *item)
{
	return container_of(item, struct mem_holding, lease);
}

/* While nobody listens, an event has neither owner nor time, which take long to find out. fs/ needs the rest anyway. */
void memory_publish_event(struct memory_backend *memory, enum lock_event_kind kind, const char *key,
                          const struct mem_holding *holding)
{
	char owner[EVENT_OWNER_MAX];
	struct lock_event event = {
		.kind = kind,
		.key = key,
		.token = holding ? holding->token : 0,
		.ttl_ms = holding ? holding->ttl_ms : LEASE_UNSET,
		/* Not the mode of its lock: a conversion has changed that before the end of the replaced holding is told. */
		.shared = holding && holding->shared,
		.form = holding ? holding->form : FORM_FILE,
	};

	if (!memory->on_event)
		return;
	if (memory->is_listening) {
		event.time_us = epoch_ns() / 1000;
		if (holding) {
			struct lock_holder holder = mem_holder_of(holding);

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

/* Who may have a lock */

bool memory_may_have(const struct mem_lock *lock, const struct acquisition *acquisition)
{
	if (!lock)
		return true;
	if (acquisition->replaces)
		return acquisition->mode == LOCK_SHARED || lock->holding_count == 1;
	return acquisition->mode == LOCK_SHARED && lock->mode == LOCK_SHARED;
}

/* Beginning */

/* Sets the lease of a new holding. Returns 0 or -ENOMEM. */
static int begin_lease(struct memory_backend *memory, struct mem_holding *holding, int64_t ttl_ms, int64_t now_ns)
{
	holding->ttl_ms = ttl_ms;
	if (ttl_ms == LEASE_NEVER)
		return 0;
	return heap_insert(&memory->leases.heap, &holding->lease, lease_end(now_ns, ttl_ms));
}

static int add_holding(struct memory_backend *memory, struct mem_lock *lock, const struct acquisition *acquisition,
                       const struct lock_holder *holder, int64_t now_ns, struct mem_holding **ret)
{
	struct mem_holding *holding;
	int err = tree_add_holding(&memory->tree, lock, acquisition->mode, next_token(memory), holder, &holding);

	if (err < 0)
		return err;
	err = begin_lease(memory, holding, resolve_ttl(acquisition, lock->entry.parent), now_ns);
	if (err < 0) {
		tree_remove_holding(&memory->tree, holding);
		return err;
	}
	holding->acquired_ms = epoch_ns() / NS_PER_MS;
	holding->refreshed_ms = holding->acquired_ms;
	holding->modified_ms = TIME_UNSET;
	deadlines_arm(&memory->leases);
	*ret = holding;
	return 0;
}

/* Finds the lock of an acquisition, or makes one without holdings. Returns 0, or a negative errno as acquire() does. */
static int get_lock(struct memory_backend *memory, const struct acquisition *acquisition, struct mem_lock **ret)
{
	struct mem_entry *entry = tree_find(&memory->tree, acquisition->key);
	struct mem_dir *parent;
	int err;

	if (entry) {
		*ret = (struct mem_lock *)entry;
		return entry->kind == ENTRY_LOCK ? 0 : -EISDIR;
	}
	err = tree_find_parent(&memory->tree, acquisition->key, &parent);
	if (err < 0)
		return err;
	return tree_add_lock(&memory->tree, parent, acquisition->key, acquisition->holder.uid, ret);
}

/* Takes a lock out of the tree, which has no holdings or is to lose them. */
static void discard_lock(struct memory_backend *memory, struct mem_lock *lock)
{
	journal_forget_entry(memory->journal, &lock->entry);
	tree_remove(&memory->tree, &lock->entry);
}

/* Takes a holding out of its lock. Whoever is told must have been told before. */
static void discard_holding(struct memory_backend *memory, struct mem_holding *holding)
{
	if (holding->ttl_ms != LEASE_NEVER)
		heap_remove(&memory->leases.heap, &holding->lease);
	tree_remove_holding(&memory->tree, holding);
}

/* Ends the holding that a conversion has replaced. The mount knows that, so on_ended is not called. */
static void end_replaced(struct memory_backend *memory, struct mem_holding *holding)
{
	memory_publish_event(memory, EVENT_RELEASED, holding->lock->entry.path, holding);
	journal_note_end(memory->journal, holding);
	discard_holding(memory, holding);
}

int memory_set_content(struct memory_backend *memory, struct mem_lock *lock, const char *content, size_t size)
{
	int err = tree_resize_content(&memory->tree, lock, size);

	if (err == 0 && size > 0)
		memcpy(lock->content, content, size);
	return err;
}

/* Gives a new holding the form and permissions, and its lock the content, that the acquisition asks for. Returns 0, -ENOMEM, or the error of the quota. */
static int set_form(struct memory_backend *memory, struct mem_holding *holding, const struct acquisition *acquisition,
                    const struct mem_holding *replaced)
{
	holding->permissions = replaced ? replaced->permissions : acquisition->permissions;
	holding->form = replaced ? replaced->form : acquisition->form;
	return acquisition->content_size ? memory_set_content(memory, holding->lock, acquisition->content, acquisition->content_size) : 0;
}

/* A key that was free has a lock now: whoever waited for the key waits for the lock. */
static void begin_lock(struct memory_backend *memory, struct mem_lock *lock)
{
	struct mem_queue *queue = room_find(lock->entry.parent, lock->entry.path);

	memory->lock_count++;
	if (queue)
		queue_attach(queue, lock);
}

int memory_grant(struct memory_backend *memory, const struct acquisition *acquisition, int64_t now_ns, struct mem_holding **ret)
{
	struct lock_holder holder = acquisition->holder;
	struct mem_holding *replaced = NULL;
	enum lock_mode before;
	struct mem_lock *lock;
	int err = get_lock(memory, acquisition, &lock);

	if (err != 0)
		return err;
	before = lock->mode;
	if (acquisition->replaces)
		replaced = tree_find_holding(&memory->tree, lock, acquisition->replaces);
	if (replaced)
		holder = mem_holder_of(replaced);
	err = add_holding(memory, lock, acquisition, &holder, now_ns, ret);
	if (err == 0) {
		err = set_form(memory, *ret, acquisition, replaced);
		if (err < 0)
			discard_holding(memory, *ret);
	}
	if (err < 0) {
		lock->mode = before;
		if (!lock->holdings)
			discard_lock(memory, lock);
		return err;
	}
	journal_note_holding(memory->journal, *ret);
	if (acquisition->content_size)
		journal_note_content(memory->journal, *ret, 0, acquisition->content_size);
	if (lock->holding_count == 1)
		begin_lock(memory, lock);
	if (replaced)
		end_replaced(memory, replaced);
	memory_publish_event(memory, EVENT_ACQUIRED, acquisition->key, *ret);
	return 0;
}

/* Serving who waits */

/* Does the first waiter convert a holding that has ended? */
static bool has_lost_its_holding(const struct memory_backend *memory, const struct mem_waiter *waiter)
{
	const struct mem_lock *lock = waiter->queue->lock;
	uint64_t replaced = waiter->acquisition->replaces;

	return replaced && (!lock || !tree_find_holding(&memory->tree, lock, replaced));
}

/* Has the directory of a queue been removed? */
static bool has_lost_its_directory(const struct mem_queue *queue)
{
	return !queue->lock && !queue->dir;
}

/* Grants and answers the first waiter of a queue. Returns false if it has to wait. */
static bool serve_first(struct memory_backend *memory, struct mem_queue *queue)
{
	struct mem_waiter *first = queue->waiters;
	struct acquisition *acquisition = first->acquisition;
	bool is_lost = has_lost_its_directory(queue) || has_lost_its_holding(memory, first);
	struct mem_holding *holding = NULL;
	int64_t now_ns = boot_ns();
	int status = -ENOENT;

	if (!is_lost && !memory_may_have(queue->lock, acquisition))
		return false;
	if (!is_lost && queue->dir && !room_admits(queue->dir, queue))
		return false;
	if (!is_lost)
		status = memory_grant(memory, acquisition, now_ns, &holding);
	queue_leave(&memory->queues, first);
	memory_answer_lock(memory, status, holding, now_ns, acquisition->done, acquisition->ctx);
	return true;
}

static struct mem_dir *find_dir(const struct memory_backend *memory, const char *path)
{
	struct mem_entry *entry = tree_find(&memory->tree, path);

	return entry && entry->kind == ENTRY_DIR ? (struct mem_dir *)entry : NULL;
}

/* Returns the directory at a path if somebody waits for room in it and it has some, else NULL. */
static struct mem_dir *find_room(const struct memory_backend *memory, const char *dir_path)
{
	struct mem_dir *dir = find_dir(memory, dir_path);
	bool serves = dir && dir->room && !dir->room->is_served && room_admits(dir, dir->room);

	return serves ? dir : NULL;
}

/* A waiter that is answered may acquire or end locks at once, of this key too. */
void memory_serve(struct memory_backend *memory, struct mem_queue *queue)
{
	char dir_path[LOCK_KEY_MAX + 1];

	if (queue->is_served)
		return;
	queue->is_served = true;
	while (queue->waiters && serve_first(memory, queue))
		;
	queue->is_served = false;
	snprintf(dir_path, sizeof(dir_path), "%.*s", (int)key_parent_length(queue->key), queue->key);
	queue_free_if_unused(&memory->queues, queue);
	memory_serve_room(memory, dir_path);
}

void memory_serve_room(struct memory_backend *memory, const char *dir_path)
{
	struct mem_dir *dir = find_room(memory, dir_path);
	char path[LOCK_KEY_MAX + 1];

	if (!dir || dir->is_served)
		return;
	snprintf(path, sizeof(path), "%s", dir_path);
	for (; dir; dir = find_room(memory, path)) {
		dir->is_served = true;
		memory_serve(memory, dir->room);
	}
	/* Whoever was answered may have removed the directory. */
	dir = find_dir(memory, path);
	if (dir)
		dir->is_served = false;
}

void memory_dismiss_room(struct memory_backend *memory)
{
	struct mem_queue *queue = memory->queues.all;

	while (queue) {
		bool is_stray = !queue->lock && !queue->dir && !queue->is_served;

		if (is_stray)
			memory_serve(memory, queue);
		queue = is_stray ? memory->queues.all : queue->next;
	}
}

/* Ending */

/* Takes a holding out of its lock, and ends the lock if it was the last. */
static void remove_holding(struct memory_backend *memory, struct mem_holding *holding)
{
	struct mem_lock *lock = holding->lock;

	journal_note_end(memory->journal, holding);
	discard_holding(memory, holding);
	if (lock->holdings)
		return;
	if (lock->queue)
		queue_detach(lock->queue);
	discard_lock(memory, lock);
	memory->lock_count--;
}

/* Ends a holding, and its lock if it was the last. The event and on_ended come first, as the path of the lock is their key. */
static void end_holding(struct memory_backend *memory, struct mem_holding *holding, enum lock_event_kind why)
{
	const char *key = holding->lock->entry.path;

	memory_publish_event(memory, why, key, holding);
	if (memory->on_ended && why != EVENT_EXPIRED)
		memory->on_ended(memory->ctx, key, holding->token, why == EVENT_FORCE_RELEASED);
	remove_holding(memory, holding);
}

/* Serves those who waited for a lock, else those who wait for room in its directory. */
static void serve_after_end(struct memory_backend *memory, struct mem_queue *queue, const struct mem_dir *dir)
{
	if (queue)
		memory_serve(memory, queue);
	else if (dir->room)
		memory_serve_room(memory, dir->entry.path);
}

void memory_end_holding(struct memory_backend *memory, struct mem_holding *holding, enum lock_event_kind why)
{
	struct mem_queue *queue = holding->lock->queue;
	const struct mem_dir *dir = holding->lock->entry.parent;

	end_holding(memory, holding, why);
	serve_after_end(memory, queue, dir);
}

void memory_end_quietly(struct memory_backend *memory, struct mem_holding *holding, bool moved)
{
	if (!moved) {
		end_holding(memory, holding, EVENT_RELEASED);
		return;
	}
	memory_publish_event(memory, EVENT_RELEASED, holding->lock->entry.path, holding);
	remove_holding(memory, holding);
}

void memory_serve_key(struct memory_backend *memory, const char *key)
{
	struct mem_entry *entry = tree_find(&memory->tree, key);
	struct mem_queue *queue = NULL;
	struct mem_dir *dir;

	if (tree_find_parent(&memory->tree, key, &dir) < 0)
		return;
	if (!entry)
		queue = room_find(dir, key);
	else if (entry->kind == ENTRY_LOCK)
		queue = ((struct mem_lock *)entry)->queue;
	serve_after_end(memory, queue, dir);
}

void memory_end_lock(struct memory_backend *memory, struct mem_lock *lock, enum lock_event_kind why)
{
	struct mem_queue *queue = lock->queue;
	const struct mem_dir *dir = lock->entry.parent;

	for (uint64_t left = lock->holding_count; left > 0; left--)
		end_holding(memory, lock->holdings, why);
	serve_after_end(memory, queue, dir);
}

/* Expiry */

/* Most leases that one call, or one turn of the timer, ends. */
#define CALL_EXPIRES_MAX  16   /* some 20 us */
#define TIMER_EXPIRES_MAX 1000 /* some 1 ms */

bool mem_holding_is_due(const struct mem_holding *holding, int64_t now_ns)
{
	return holding->ttl_ms != LEASE_NEVER && holding->lease.due <= now_ns;
}

bool mem_lock_is_due(const struct mem_lock *lock, int64_t now_ns)
{
	const struct mem_holding *holding;

	DL_FOREACH(lock->holdings, holding)
		if (!mem_holding_is_due(holding, now_ns))
			return false;
	return true;
}

static int64_t expire(struct memory_backend *memory, int most)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	for (int i = 0; i < most && (first = heap_first(&memory->leases.heap)) && first->due <= now_ns; i++)
		memory_end_holding(memory, holding_of_lease(first), EVENT_EXPIRED);
	return now_ns;
}

int64_t memory_expire_due(struct memory_backend *memory)
{
	return expire(memory, CALL_EXPIRES_MAX);
}

bool memory_expire_more(struct memory_backend *memory)
{
	const struct heap_item *first = heap_first(&memory->leases.heap);

	if (!first || first->due > boot_ns())
		return false;
	expire(memory, TIMER_EXPIRES_MAX);
	return true;
}

/* Returns a holding of the lock whose lease is over, or NULL. */
static struct mem_holding *find_due(const struct memory_backend *memory, const struct mem_lock *lock, int64_t now_ns)
{
	const struct heap_item *first = heap_first(&memory->leases.heap);
	struct mem_holding *holding;

	if (!first || first->due > now_ns)
		return NULL;
	DL_FOREACH(lock->holdings, holding)
		if (mem_holding_is_due(holding, now_ns))
			return holding;
	return NULL;
}

struct mem_entry *memory_find_entry(struct memory_backend *memory, const char *path)
{
	int64_t now_ns = boot_ns();

	while (true) {
		struct mem_entry *entry = tree_find(&memory->tree, path);
		struct mem_holding *due = NULL;

		if (entry && entry->kind == ENTRY_LOCK)
			due = find_due(memory, (struct mem_lock *)entry, now_ns);
		if (!due)
			return entry;
		memory_end_holding(memory, due, EVENT_EXPIRED);
	}
}

void memory_on_lease_due(struct deadlines *leases)
{
	struct memory_backend *memory = memory_of_leases(leases);

	expire(memory, TIMER_EXPIRES_MAX);
	journal_commit(memory->journal);
	deadlines_arm(leases);
}

struct mem_holding *memory_choose_holding(const struct memory_backend *memory, const struct mem_lock *lock,
                                          const struct lock_claim *claim, struct holding_match match)
{
	struct mem_holding *found = NULL;

	if (!match.any)
		return tree_find_holding(&memory->tree, lock, match.token);
	if (claim)
		found = tree_find_own(&memory->tree, lock, claim);
	return found ? found : lock->holdings;
}

int memory_find_holding(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                        struct holding_match match, struct mem_holding **ret)
{
	struct mem_entry *entry = memory_find_entry(memory, key);
	const struct mem_lock *lock = (const struct mem_lock *)entry;
	struct mem_holding *found;

	if (!entry)
		return -ENOENT;
	if (entry->kind != ENTRY_LOCK)
		return -EISDIR;
	found = memory_choose_holding(memory, lock, claim, match);
	*ret = found ? found : lock->holdings;
	return found ? 0 : -ENOENT;
}

void memory_restart_lease(struct memory_backend *memory, struct mem_holding *holding, int64_t now_ns)
{
	heap_move(&memory->leases.heap, &holding->lease, lease_end(now_ns, holding->ttl_ms));
	holding->refreshed_ms = epoch_ns() / NS_PER_MS;
	holding->modified_ms = TIME_UNSET;
	deadlines_arm(&memory->leases);
}
