/* Calls on locks: acquire, release, refresh, set_permissions, bind, read. */
#include <errno.h>
#include <string.h>

#include "backend/memory/memory_internal.h"

/* Refuses an acquisition, or has it wait. Returns -EBUSY, or -EINPROGRESS if it waits now and is answered later. */
static int refuse_or_wait(struct memory_backend *memory, struct acquisition *acquisition, struct mem_holding *holding)
{
	int err;

	if (!acquisition->waits) {
		memory_publish_event(memory, EVENT_UNAVAILABLE, acquisition->key, holding);
		return -EBUSY;
	}
	err = queue_join(&memory->queues, holding->lock, acquisition);
	return err < 0 ? err : -EINPROGRESS;
}

static bool is_waited_for(const struct mem_lock *lock)
{
	return lock->queue && lock->queue->waiters;
}

/* Acquires a lock that is held. Returns -EINPROGRESS if the acquisition is answered later. */
static int meet_held(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns, struct mem_holding **ret)
{
	const struct mem_lock *lock = (*ret)->lock;

	if (!acquisition->exclusive_even_for_me && mem_holding_prove(*ret, &acquisition->holder.claim))
		return -EEXIST;
	if (memory_may_have(lock, acquisition) && !is_waited_for(lock))
		return memory_grant(memory, acquisition, now_ns, ret);
	*ret = lock->holdings;
	return refuse_or_wait(memory, acquisition, *ret);
}

/* Converts a holding. Returns -EINPROGRESS if the acquisition is answered later. */
static int try_convert(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns, struct mem_holding **ret)
{
	struct mem_holding *holding = NULL;
	int err = memory_find_holding(memory, acquisition->key, NULL, match_token(acquisition->replaces), &holding);

	if (err < 0)
		return err == -EISDIR ? err : -ENOENT;
	if (strcmp(holding->id, acquisition->holder.claim.id) != 0)
		return -EPERM;
	holding->proven = true;
	if (holding->lock->mode == acquisition->mode)
		return -EINVAL;
	if (memory_may_have(holding->lock, acquisition))
		return memory_grant(memory, acquisition, now_ns, ret);
	*ret = holding->lock->holdings;
	return refuse_or_wait(memory, acquisition, *ret);
}

/* Acquires a lock that is free. Returns -EINPROGRESS if the acquisition is answered later. */
static int meet_free(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns, struct mem_holding **ret)
{
	struct mem_dir *dir;
	int err = tree_find_parent(&memory->tree, acquisition->key, &dir);

	if (err < 0)
		return err;
	if (room_admits(dir, NULL))
		return memory_grant(memory, acquisition, now_ns, ret);
	if (!acquisition->waits) {
		memory_publish_event(memory, EVENT_FULL, dir->entry.path, NULL);
		return -EBUSY;
	}
	err = queue_join_room(&memory->queues, dir, acquisition);
	return err < 0 ? err : -EINPROGRESS;
}

/* Has the directory of a free key no room, as far as is known? */
static bool is_full(const struct memory_backend *memory, const char *key)
{
	struct mem_dir *dir;

	return !tree_find(&memory->tree, key) && tree_find_parent(&memory->tree, key, &dir) == 0 && !room_admits(dir, NULL);
}

static int try_acquire(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns,
                       struct mem_holding **ret)
{
	int err = memory_find_holding(memory, acquisition->key, &acquisition->holder.claim, match_any(), ret);

	/* Locks whose leases are over take no room. */
	while (err == -ENOENT && is_full(memory, acquisition->key) && memory_expire_more(memory))
		err = memory_find_holding(memory, acquisition->key, &acquisition->holder.claim, match_any(), ret);
	if (err == 0)
		return meet_held(memory, acquisition, now_ns, ret);
	return err == -ENOENT ? meet_free(memory, acquisition, now_ns, ret) : err;
}

/*
 * Keeps a queue, and serves nobody in it, while somebody is answered, who may end the lock at once. Returns whether it was
 * being served, for resume_serving().
 */
static bool pause_serving(struct mem_queue *queue)
{
	bool is_served = queue->is_served;

	queue->is_served = true;
	return is_served;
}

/* Serves whoever may have the lock now, unless that is under way anyway. */
static void resume_serving(struct memory_backend *memory, struct mem_queue *queue, bool is_served)
{
	queue->is_served = is_served;
	memory_serve(memory, queue);
}

/* Answers an acquisition that changed what others wait for. */
static void answer_and_serve(struct memory_backend *memory, struct mem_queue *queue, struct acquisition *acquisition, int status,
                             const struct mem_holding *holding, int64_t now_ns)
{
	bool is_served = pause_serving(queue);

	memory_answer_lock(memory, status, holding, now_ns, acquisition->done, acquisition->ctx);
	resume_serving(memory, queue, is_served);
}

void memory_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_holding *holding = NULL;
	struct mem_queue *queue;
	int status;

	acquisition->pending = NULL;
	if (acquisition->source) {
		memory_acquire_from_source(memory, acquisition, now_ns);
		return;
	}
	status = acquisition->replaces ? try_convert(memory, acquisition, now_ns, &holding)
		: try_acquire(memory, acquisition, now_ns, &holding);
	if (status == -EINPROGRESS)
		return;
	if (status < 0 && status != -EBUSY && status != -EEXIST)
		holding = NULL;
	queue = status == 0 && holding ? holding->lock->queue : NULL;
	if (queue)
		answer_and_serve(memory, queue, acquisition, status, holding, now_ns);
	else
		memory_answer_lock(memory, status, holding, now_ns, acquisition->done, acquisition->ctx);
}

/* Whoever is behind a waiter that leaves may have the lock now. */
void memory_cancel(struct backend *backend, struct acquisition *acquisition)
{
	struct memory_backend *memory = memory_of(backend);
	const struct mem_waiter *waiter = acquisition->pending;
	struct mem_queue *queue;
	bool is_served;

	if (!waiter)
		return;
	queue = waiter->queue;
	is_served = pause_serving(queue);
	queue_leave(&memory->queues, acquisition->pending);
	acquisition->done(acquisition->ctx, -ECANCELED, NULL);
	resume_serving(memory, queue, is_served);
}

static int try_release(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                       struct holding_match match)
{
	struct mem_holding *holding = NULL;
	int err = memory_find_holding(memory, key, claim, match, &holding);

	if (err == -EISDIR)
		return err;
	if (!claim) {
		if (err == 0 && match.any)
			memory_end_lock(memory, holding->lock, EVENT_FORCE_RELEASED);
		else if (err == 0)
			memory_end_holding(memory, holding, EVENT_FORCE_RELEASED);
		else if (!holding)
			memory_publish_event(memory, EVENT_FORCE_RELEASED, key, NULL);
		return err;
	}
	if (err == 0 && !mem_holding_is_of(holding, claim))
		err = -EPERM;
	if (err < 0)
		memory_publish_event(memory, EVENT_FAILED_RELEASE, key, holding);
	else
		memory_end_holding(memory, holding, EVENT_RELEASED);
	return err;
}

void memory_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	memory_answer(memory, try_release(memory, key, claim, match), done, ctx);
}

void memory_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct memory_backend *memory = memory_of(backend);
	struct mem_holding *holding;

	memory_expire_due(memory);
	if (memory_find_holding(memory, key, NULL, match_token(token), &holding) == 0 && !holding->proven)
		memory_end_holding(memory, holding, EVENT_RELEASED);
	journal_commit(memory->journal);
}

static int may_refresh(struct mem_holding *holding, const struct lock_claim *claim, int64_t ttl_ms)
{
	if (!mem_holding_prove(holding, claim))
		return -EPERM;
	if (holding->ttl_ms == LEASE_NEVER)
		return -ENOTSUP;
	return ttl_ms == LEASE_NEVER ? -EINVAL : 0;
}

static int try_refresh(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                       struct holding_match match, int64_t ttl_ms, int64_t modified_ms, int64_t now_ns,
                       struct mem_holding **ret)
{
	struct mem_holding *holding = NULL;
	int err = memory_find_holding(memory, key, claim, match, &holding);

	if (err == -EISDIR)
		return err;
	if (err == 0)
		err = may_refresh(holding, claim, ttl_ms);
	if (err < 0) {
		memory_publish_event(memory, EVENT_FAILED_REFRESH, key, holding);
		return err;
	}
	*ret = holding;
	if (ttl_ms != LEASE_UNSET)
		holding->ttl_ms = ttl_ms;
	memory_restart_lease(memory, holding, now_ns);
	holding->modified_ms = modified_ms;
	journal_note_state(memory->journal, holding);
	memory_publish_event(memory, EVENT_REFRESHED, key, holding);
	return 0;
}

void memory_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_holding *holding = NULL;
	int status = try_refresh(memory, key, claim, match, ttl_ms, modified_ms, now_ns, &holding);

	memory_answer_lock(memory, status, holding, now_ns, done, ctx);
}

static int try_set_permissions(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                               struct holding_match match, mode_t permissions, struct mem_holding **ret)
{
	struct mem_holding *holding;
	int err = memory_find_holding(memory, key, claim, match, &holding);

	if (err == 0 && !mem_holding_prove(holding, claim))
		err = -EPERM;
	if (err < 0)
		return err;
	holding->permissions = permissions;
	journal_note_state(memory->journal, holding);
	*ret = holding;
	return 0;
}

void memory_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim,
                            struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_holding *holding = NULL;
	int status = try_set_permissions(memory, key, claim, match, permissions, &holding);

	memory_answer_lock(memory, status, holding, now_ns, done, ctx);
}

void memory_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                 backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_holding *holding = NULL;
	int status = memory_find_holding(memory, key, claim, match_token(token), &holding);

	if (status == 0 && !mem_holding_prove(holding, claim))
		status = -EPERM;
	if (status == 0 && holding->ttl_ms != LEASE_NEVER) {
		memory_restart_lease(memory, holding, now_ns);
		journal_note_state(memory->journal, holding);
		memory_publish_event(memory, EVENT_REFRESHED, key, holding);
	}
	memory_answer_lock(memory, status, status == 0 ? holding : NULL, now_ns, done, ctx);
}

void memory_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_entry *found = memory_find_entry(memory, key);
	struct mem_holding *holding;
	struct entry entry;

	if (!found) {
		done(ctx, -ENOENT, NULL);
		return;
	}
	entry.kind = found->kind;
	if (found->kind == ENTRY_LOCK) {
		holding = memory_choose_holding(memory, (struct mem_lock *)found, claim, match);
		if (!holding)
			holding = memory_choose_holding(memory, (struct mem_lock *)found, claim, match_any());
		if (claim)
			mem_holding_prove(holding, claim);
		entry.lock = mem_holding_describe(holding, now_ns);
	} else {
		entry.dir = ((const struct mem_dir *)found)->info;
		if (entry.dir.modified_ms == TIME_UNSET)
			entry.dir.modified_ms = entry.dir.changed_ms;
		entry.dir.default_ttl_ms = mem_dir_default_ttl((const struct mem_dir *)found);
		entry.dir.waiters = ((const struct mem_dir *)found)->room_waiters;
	}
	done(ctx, 0, &entry);
}
