/*
 * The backend of `memory:`: locks inside the daemon. Every call but an acquisition
 * that waits is answered before it returns; a listing of many names takes several calls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/memory/queue.h"
#include "backend/memory/tree.h"
#include "backend/registry.h"
#include "backend/util/clock.h"
#include "backend/util/deadlines.h"

struct memory_backend {
	struct backend base;
	struct mem_tree tree;
	struct deadlines leases;
	struct mem_queue *queues; /* all that there are */
	uint64_t last_token;
	int64_t lock_count;
	bool heard; /* somebody listens */
	void (*on_event)(void *ctx, const struct lock_event *event);
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);
	void *ctx;
};

static struct memory_backend *memory_of(struct backend *backend)
{
	return (struct memory_backend *)backend;
}

static struct memory_backend *memory_of_leases(struct deadlines *leases)
{
	return (struct memory_backend *)((char *)leases - offsetof(struct memory_backend, leases));
}

static struct mem_lock *lock_of_lease(struct heap_item *item)
{
	return (struct mem_lock *)((char *)item - offsetof(struct mem_lock, lease));
}

/* Events. What ends a holding is told also while nobody listens, but without words. */

static void tell(struct memory_backend *memory, enum lock_event_kind kind, const char *key,
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

/* Holdings */

static uint64_t next_token(struct memory_backend *memory)
{
	uint64_t now_us = (uint64_t)(epoch_ns() / 1000);

	if (now_us <= memory->last_token)
		now_us = memory->last_token + 1;
	memory->last_token = now_us;
	return now_us;
}

/* Does a claim prove that it is who holds this lock? */
static bool is_held_by(const struct mem_lock *lock, const struct lock_claim *claim)
{
	struct lock_holder holder = lock_holder_of(lock);

	return lock_claim_proves(claim, &holder.claim);
}

/* The same; whoever is told so relies on it from then on. */
static bool prove(struct mem_lock *lock, const struct lock_claim *claim)
{
	bool holds = is_held_by(lock, claim);

	lock->proven = lock->proven || holds;
	return holds;
}

static int64_t lease_end(int64_t now_ns, int64_t ttl_ms)
{
	return now_ns + ttl_ms * NS_PER_MS;
}

static struct lock describe(const struct mem_lock *lock, int64_t now_ns)
{
	struct lock seen = {
		.key = lock->entry.path,
		.holder = lock_holder_of(lock),
		.ttl_ms = lock->ttl_ms,
		.remaining_ms = LEASE_NEVER,
		.acquired_ms = lock->acquired_ms,
		.refreshed_ms = lock->refreshed_ms,
		.expires_ms = LEASE_NEVER,
		.token = lock->token,
		.waiters = lock->queue ? lock->queue->count : 0,
		.content = lock->content,
		.content_size = lock->content_size,
	};

	if (lock->ttl_ms != LEASE_NEVER) {
		/* Rounded up: while any of it is left, something is. */
		seen.remaining_ms = (lock->lease.due - now_ns + NS_PER_MS - 1) / NS_PER_MS;
		seen.expires_ms = lock->refreshed_ms + lock->ttl_ms;
	}
	return seen;
}

/* Answers with the lock, or with none where `lock` is NULL. */
static void answer_lock(int status, const struct mem_lock *lock, int64_t now_ns, backend_lock_done *done,
                        void *ctx)
{
	struct lock seen;

	if (!lock) {
		done(ctx, status, NULL);
		return;
	}
	seen = describe(lock, now_ns);
	done(ctx, status, &seen);
}

/* The lease for what is made in `dir`: its own default or the nearest one above. */
static int64_t default_ttl(const struct mem_dir *dir)
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
		ttl_ms = default_ttl(parent);
	return ttl_ms == LEASE_UNSET ? acquisition->fallback_ttl_ms : ttl_ms;
}

/* Acquiring and ending */

static int grant(struct memory_backend *memory, struct mem_dir *parent, const struct acquisition *acquisition,
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
	tell(memory, EVENT_ACQUIRED, acquisition->key, lock);
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
		int status = grant(memory, parent, acquisition, now_ns, &lock);

		if (status == 0)
			queue_attach(queue, lock);
		queue_leave(&memory->queues, first);
		answer_lock(status, lock, now_ns, acquisition->done, acquisition->ctx);
		if (last)
			return;
	}
}

/*
 * Ends a holding, whatever the reason; the event is told while its key lives.
 * Whoever waits for the key has it when this returns.
 */
static void end_holding(struct memory_backend *memory, struct mem_lock *lock, enum lock_event_kind why)
{
	struct mem_queue *queue = lock->queue;
	struct mem_dir *parent = lock->entry.parent;

	if (lock->ttl_ms != LEASE_NEVER)
		heap_remove(&memory->leases.heap, &lock->lease);
	tell(memory, why, lock->entry.path, lock);
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

static bool is_due(const struct mem_lock *lock, int64_t now_ns)
{
	return lock->ttl_ms != LEASE_NEVER && lock->lease.due <= now_ns;
}

static int64_t expire(struct memory_backend *memory, int most)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	for (int i = 0; i < most && (first = heap_first(&memory->leases.heap)) && first->due <= now_ns; i++)
		end_holding(memory, lock_of_lease(first), EVENT_EXPIRED);
	return now_ns;
}

/*
 * Each call begins with it. Where very many leases pass at a time, those that are left are
 * the timer's, and what a call finds of them it ends first, so that none sees what has expired.
 */
static int64_t expire_due(struct memory_backend *memory)
{
	return expire(memory, CALL_EXPIRES_MAX);
}

/* What stands at a path now; NULL: nothing. */
static struct mem_entry *find_entry(struct memory_backend *memory, const char *path)
{
	struct mem_entry *entry = tree_find(&memory->tree, path);

	if (!entry || entry->kind != ENTRY_LOCK || !is_due((struct mem_lock *)entry, boot_ns()))
		return entry;
	end_holding(memory, (struct mem_lock *)entry, EVENT_EXPIRED);
	return tree_find(&memory->tree, path); /* of who waited for it */
}

static void on_due(struct deadlines *leases)
{
	expire(memory_of_leases(leases), TIMER_EXPIRES_MAX);
	deadlines_arm(leases);
}

/* Calls on locks */

/* The lock at `key`: 0 where it is the holding that `match` means, else -ENOENT, or -EISDIR and none. */
static int find_lock(struct memory_backend *memory, const char *key, struct holding_match match,
                     struct mem_lock **ret)
{
	struct mem_entry *entry = find_entry(memory, key);

	if (!entry)
		return -ENOENT;
	if (entry->kind != ENTRY_LOCK)
		return -EISDIR;

	*ret = (struct mem_lock *)entry;
	return holding_matches(match, (*ret)->token) ? 0 : -ENOENT;
}

/* -EINPROGRESS: it waits, and is answered later. */
static int meet_held(struct memory_backend *memory, struct acquisition *acquisition, struct mem_lock *lock)
{
	int err;

	if (!acquisition->exclusive_even_for_me && prove(lock, &acquisition->holder.claim))
		return -EEXIST;
	if (!acquisition->waits) {
		tell(memory, EVENT_UNAVAILABLE, acquisition->key, lock);
		return -EBUSY;
	}
	err = queue_join(&memory->queues, lock, acquisition);
	return err < 0 ? err : -EINPROGRESS;
}

static int try_acquire(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns,
                       struct mem_lock **ret)
{
	struct mem_dir *parent;
	int err = find_lock(memory, acquisition->key, match_any(), ret);

	if (err == 0)
		return meet_held(memory, acquisition, *ret);
	if (err != -ENOENT)
		return err;
	err = tree_find_parent(&memory->tree, acquisition->key, &parent);
	if (err < 0)
		return err;
	return grant(memory, parent, acquisition, now_ns, ret);
}

static void memory_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = expire_due(memory);
	struct mem_lock *lock = NULL;
	int status;

	acquisition->pending = NULL;
	status = try_acquire(memory, acquisition, now_ns, &lock);
	if (status != -EINPROGRESS)
		answer_lock(status, lock, now_ns, acquisition->done, acquisition->ctx);
}

static void memory_cancel(struct backend *backend, struct acquisition *acquisition)
{
	if (!acquisition->pending)
		return;
	queue_leave(&memory_of(backend)->queues, acquisition->pending);
	acquisition->done(acquisition->ctx, -ECANCELED, NULL);
}

static int try_release(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                       struct holding_match match)
{
	struct mem_lock *lock = NULL;
	int err = find_lock(memory, key, match, &lock);

	if (err == -EISDIR)
		return err;
	if (!claim) {
		if (err == 0)
			end_holding(memory, lock, EVENT_FORCE_RELEASED);
		else if (!lock)
			tell(memory, EVENT_FORCE_RELEASED, key, NULL);
		return err;
	}
	if (err == 0 && !is_held_by(lock, claim))
		err = -EPERM;
	if (err < 0)
		tell(memory, EVENT_FAILED_RELEASE, key, lock);
	else
		end_holding(memory, lock, EVENT_RELEASED);
	return err;
}

static void memory_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	expire_due(memory);
	done(ctx, try_release(memory, key, claim, match));
}

static void memory_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct memory_backend *memory = memory_of(backend);
	struct mem_lock *lock;

	expire_due(memory);
	if (find_lock(memory, key, match_token(token), &lock) == 0 && !lock->proven)
		end_holding(memory, lock, EVENT_RELEASED);
}

static int may_refresh(struct mem_lock *lock, const struct lock_claim *claim, int64_t ttl_ms)
{
	if (!prove(lock, claim))
		return -EPERM;
	if (lock->ttl_ms == LEASE_NEVER)
		return -ENOTSUP;
	return ttl_ms == LEASE_NEVER ? -EINVAL : 0;
}

static void start_lease(struct memory_backend *memory, struct mem_lock *lock, int64_t now_ns)
{
	heap_move(&memory->leases.heap, &lock->lease, lease_end(now_ns, lock->ttl_ms));
	lock->refreshed_ms = epoch_ns() / NS_PER_MS;
	deadlines_arm(&memory->leases);
}

static int try_refresh(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                       struct holding_match match, int64_t ttl_ms, int64_t now_ns, struct mem_lock **ret)
{
	struct mem_lock *lock = NULL;
	int err = find_lock(memory, key, match, &lock);

	if (err == -EISDIR)
		return err;
	if (err == 0)
		err = may_refresh(lock, claim, ttl_ms);
	if (err < 0) {
		tell(memory, EVENT_FAILED_REFRESH, key, lock);
		return err;
	}
	*ret = lock;
	if (ttl_ms != LEASE_UNSET)
		lock->ttl_ms = ttl_ms;
	start_lease(memory, lock, now_ns);
	tell(memory, EVENT_REFRESHED, key, lock);
	return 0;
}

static void memory_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = expire_due(memory);
	struct mem_lock *lock = NULL;
	int status = try_refresh(memory, key, claim, match, ttl_ms, now_ns, &lock);

	answer_lock(status, lock, now_ns, done, ctx);
}

static void memory_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                        backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = expire_due(memory);
	struct mem_lock *lock = NULL;
	int status = find_lock(memory, key, match_token(token), &lock);

	if (status == 0 && !prove(lock, claim))
		status = -EPERM;
	if (status == 0 && lock->ttl_ms != LEASE_NEVER) {
		start_lease(memory, lock, now_ns);
		tell(memory, EVENT_REFRESHED, key, lock);
	}
	answer_lock(status, status == 0 ? lock : NULL, now_ns, done, ctx);
}

static void memory_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                        backend_entry_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = expire_due(memory);
	struct mem_entry *found = find_entry(memory, key);
	struct entry entry;

	if (!found) {
		done(ctx, -ENOENT, NULL);
		return;
	}
	entry.kind = found->kind;
	if (found->kind == ENTRY_LOCK) {
		if (claim)
			prove((struct mem_lock *)found, claim);
		entry.lock = describe((const struct mem_lock *)found, now_ns);
	} else {
		entry.dir = ((const struct mem_dir *)found)->info;
		entry.dir.default_ttl_ms = default_ttl((const struct mem_dir *)found);
	}
	done(ctx, 0, &entry);
}

static bool memory_listen(struct backend *backend, enum listen_extent extent)
{
	memory_of(backend)->heard = extent != LISTEN_NOT;
	return true;
}

static void memory_tell(struct backend *backend, enum lock_event_kind kind, const char *key,
                        struct holding_match match)
{
	struct memory_backend *memory = memory_of(backend);
	struct mem_lock *lock = NULL;
	int err;

	expire_due(memory);
	err = find_lock(memory, key, match, &lock);
	if (err == 0 || (err == -ENOENT && kind == EVENT_FAILED_REFRESH))
		tell(memory, kind, key, lock);
}

static void memory_stats(struct backend *backend, struct backend_stats *ret)
{
	struct memory_backend *memory = memory_of(backend);
	const struct mem_queue *queue;

	expire_due(memory);
	*ret = (struct backend_stats){ .up = true, .locks = memory->lock_count };
	DL_FOREACH(memory->queues, queue)
		ret->waited_for++;
}

static int try_write(struct memory_backend *memory, const char *key, uint64_t token, off_t offset,
                     const void *data, size_t size)
{
	struct mem_lock *lock;
	size_t start;

	if (find_lock(memory, key, match_token(token), &lock) < 0)
		return -ESTALE;
	start = offset < 0 ? lock->content_size : (size_t)offset;
	if (size == 0)
		return 0;
	if (start > LOCK_CONTENT_MAX || size > LOCK_CONTENT_MAX - start)
		return -EFBIG;
	if (start + size > lock->content_size) {
		int err = tree_resize_content(&memory->tree, lock, start + size);

		if (err < 0)
			return err;
	}
	memcpy(lock->content + start, data, size);
	lock->proven = true;
	return 0;
}

static void memory_write(struct backend *backend, const char *key, uint64_t token, off_t offset,
                         const void *data, size_t size, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	expire_due(memory);
	done(ctx, try_write(memory, key, token, offset, data, size));
}

static int try_truncate(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                        struct holding_match match, off_t size, struct mem_lock **ret)
{
	struct mem_lock *lock;
	int err = find_lock(memory, key, match, &lock);

	if (err < 0)
		return err;
	if (!prove(lock, claim))
		return -EBUSY;
	if (size > LOCK_CONTENT_MAX)
		return -EFBIG;
	err = tree_resize_content(&memory->tree, lock, (size_t)size);
	if (err == 0)
		*ret = lock;
	return err;
}

static void memory_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                            struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = expire_due(memory);
	struct mem_lock *lock = NULL;
	int status = try_truncate(memory, key, claim, match, size, &lock);

	answer_lock(status, lock, now_ns, done, ctx);
}

/* Calls on directories */

static int find_dir(struct memory_backend *memory, const char *path, struct mem_dir **ret)
{
	struct mem_entry *entry = find_entry(memory, path);

	if (!entry)
		return -ENOENT;
	if (entry->kind != ENTRY_DIR)
		return -ENOTDIR;
	*ret = (struct mem_dir *)entry;
	return 0;
}

/* Names that one page of a listing has: some 50 us. */
#define PAGE_MAX 1000

static int begin_listing(struct memory_backend *memory, struct listing *listing)
{
	struct mem_dir *dir;
	int err = find_dir(memory, listing->path, &dir);

	if (err < 0)
		return err;
	listing->expected = dir->child_count;
	listing->pending = tree_cursor_new(dir);
	return listing->pending ? 0 : -ENOMEM;
}

static void memory_list_end(struct backend *backend, struct listing *listing)
{
	(void)backend;
	if (listing->pending)
		tree_cursor_free(listing->pending);
	listing->pending = NULL;
}

static void memory_list(struct backend *backend, struct listing *listing)
{
	struct memory_backend *memory = memory_of(backend);
	struct list_item items[PAGE_MAX];
	int64_t now_ns = expire_due(memory);
	const struct mem_entry *entry;
	size_t count = 0;
	int taken = 0;
	int err = 0;

	if (!listing->pending)
		err = begin_listing(memory, listing);
	if (err < 0) {
		listing->done(listing, err, NULL, 0);
		return;
	}
	for (entry = NULL; taken < PAGE_MAX && (entry = tree_cursor_next(listing->pending)); taken++)
		if (entry->kind == ENTRY_DIR || !is_due((const struct mem_lock *)entry, now_ns))
			items[count++] = (struct list_item){ .name = entry_name(entry), .kind = entry->kind };
	listing->more = entry != NULL;
	if (!listing->more)
		memory_list_end(backend, listing);
	listing->done(listing, 0, items, count);
}

static int try_make_dir(struct memory_backend *memory, const char *path, const struct dir_info *info)
{
	struct dir_info fresh = *info;
	struct mem_dir *parent;
	int err;

	if (find_entry(memory, path))
		return -EEXIST;
	err = tree_find_parent(&memory->tree, path, &parent);
	if (err < 0)
		return err;
	fresh.changed_ms = epoch_ns() / NS_PER_MS;
	fresh.default_ttl_ms = LEASE_UNSET;
	return tree_add_dir(&memory->tree, parent, path, &fresh);
}

static void memory_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                            backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	expire_due(memory);
	done(ctx, try_make_dir(memory, path, info));
}

/* Ends what has expired in front of the first lock or directory that is there still. */
static void end_due_in(struct memory_backend *memory, const struct mem_dir *dir)
{
	int64_t now_ns = boot_ns();

	while (dir->children && dir->children->kind == ENTRY_LOCK &&
		is_due((const struct mem_lock *)dir->children, now_ns))
		end_holding(memory, (struct mem_lock *)dir->children, EVENT_EXPIRED);
}

static int try_remove_dir(struct memory_backend *memory, const char *path)
{
	struct mem_dir *dir;
	int err = find_dir(memory, path, &dir);

	if (err < 0)
		return err;
	if (dir == memory->tree.root)
		return -EBUSY;
	end_due_in(memory, dir);
	if (dir->children)
		return -ENOTEMPTY;
	tree_remove(&memory->tree, &dir->entry);
	return 0;
}

static void memory_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	expire_due(memory);
	done(ctx, try_remove_dir(memory, path));
}

static int try_configure_dir(struct memory_backend *memory, const char *path, unsigned int which,
                             const struct dir_info *info)
{
	struct mem_dir *dir;
	int err = find_dir(memory, path, &dir);

	if (err < 0)
		return err;
	if (dir == memory->tree.root && (which & (DIR_MODE | DIR_UID | DIR_GID)))
		return -EPERM;
	if (which & DIR_MODE)
		dir->info.mode = info->mode;
	if (which & DIR_UID)
		dir->info.uid = info->uid;
	if (which & DIR_GID)
		dir->info.gid = info->gid;
	if (which & DIR_DEFAULT_TTL)
		dir->info.default_ttl_ms = info->default_ttl_ms;
	dir->info.changed_ms = epoch_ns() / NS_PER_MS;
	return 0;
}

static void memory_configure_dir(struct backend *backend, const char *path, unsigned int which,
                                 const struct dir_info *info, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	expire_due(memory);
	done(ctx, try_configure_dir(memory, path, which, info));
}

/* Opening and closing */

static int memory_open(const struct backend_config *config, struct backend **ret,
                       char problem[BACKEND_PROBLEM_MAX])
{
	struct memory_backend *memory = NULL;
	int err;

	if (strcmp(config->source, "memory:") != 0) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			"the SOURCE of locks in memory is 'memory:', with nothing after the colon");
		return -EINVAL;
	}
	memory = calloc(1, sizeof(*memory));
	if (!memory) {
		err = -ENOMEM;
		goto fail;
	}
	err = tree_init(&memory->tree);
	if (err < 0)
		goto fail;
	err = deadlines_init(&memory->leases, config->loop, on_due);
	if (err < 0)
		goto fail;
	memory->tree.quota = (struct quota){
		.most = config->user_memory,
		.self = geteuid(),
		.error = -ENOSPC,
		.what = "bytes of locks and directories",
		.option = "user_memory",
		.on_full = config->on_notice,
		.ctx = config->ctx,
	};
	memory->base.ops = &memory_backend_ops;
	memory->on_event = config->on_event;
	memory->on_ended = config->on_ended;
	memory->ctx = config->ctx;
	*ret = &memory->base;
	return 0;
fail:
	snprintf(problem, BACKEND_PROBLEM_MAX, "cannot set up locks in memory: %s", strerror(-err));
	if (memory)
		tree_free(&memory->tree);
	free(memory);
	return err;
}

static void memory_start(struct backend *backend, backend_started *started, void *ctx)
{
	(void)backend;
	started(ctx, 0, NULL);
}

static void on_closed(uv_handle_t *handle)
{
	free(memory_of_leases(handle->data));
}

static void memory_close(struct backend *backend)
{
	struct memory_backend *memory = memory_of(backend);

	while (memory->queues) {
		struct acquisition *acquisition = memory->queues->waiters->acquisition;

		queue_leave(&memory->queues, acquisition->pending);
		acquisition->done(acquisition->ctx, -ESHUTDOWN, NULL);
	}
	tree_free(&memory->tree);
	deadlines_close(&memory->leases, on_closed);
}

static const char *const schemes[] = { "memory", NULL };

const struct backend_ops memory_backend_ops = {
	.schemes = schemes,
	.open = memory_open,
	.start = memory_start,
	.close = memory_close,
	.acquire = memory_acquire,
	.cancel = memory_cancel,
	.release = memory_release,
	.give_back = memory_give_back,
	.refresh = memory_refresh,
	.bind = memory_bind,
	.listen = memory_listen,
	.tell = memory_tell,
	.stats = memory_stats,
	.read = memory_read,
	.write = memory_write,
	.truncate = memory_truncate,
	.list = memory_list,
	.list_end = memory_list_end,
	.make_dir = memory_make_dir,
	.remove_dir = memory_remove_dir,
	.configure_dir = memory_configure_dir,
};
