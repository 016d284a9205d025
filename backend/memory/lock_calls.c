/* Calls on locks: acquire, release, refresh, bind, read. */
#include <errno.h>

#include "backend/memory/memory_internal.h"

/* Acquires a lock that is held. Returns -EINPROGRESS if the acquisition waits now, and is answered later. */
static int meet_held(struct memory_backend *memory, struct acquisition *acquisition, struct mem_lock *lock)
{
	int err;

	if (!acquisition->exclusive_even_for_me && mem_lock_prove(lock, &acquisition->holder.claim))
		return -EEXIST;
	if (!acquisition->waits) {
		memory_publish_event(memory, EVENT_UNAVAILABLE, acquisition->key, lock);
		return -EBUSY;
	}
	err = queue_join(&memory->queues, lock, acquisition);
	return err < 0 ? err : -EINPROGRESS;
}

static int try_acquire(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns,
                       struct mem_lock **ret)
{
	struct mem_dir *parent;
	int err = memory_find_lock(memory, acquisition->key, match_any(), ret);

	if (err == 0)
		return meet_held(memory, acquisition, *ret);
	if (err != -ENOENT)
		return err;
	err = tree_find_parent(&memory->tree, acquisition->key, &parent);
	if (err < 0)
		return err;
	return memory_grant(memory, parent, acquisition, now_ns, ret);
}

void memory_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_lock *lock = NULL;
	int status;

	acquisition->pending = NULL;
	status = try_acquire(memory, acquisition, now_ns, &lock);
	if (status != -EINPROGRESS)
		memory_answer_lock(status, lock, now_ns, acquisition->done, acquisition->ctx);
}

void memory_cancel(struct backend *backend, struct acquisition *acquisition)
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
	int err = memory_find_lock(memory, key, match, &lock);

	if (err == -EISDIR)
		return err;
	if (!claim) {
		if (err == 0)
			memory_end_holding(memory, lock, EVENT_FORCE_RELEASED);
		else if (!lock)
			memory_publish_event(memory, EVENT_FORCE_RELEASED, key, NULL);
		return err;
	}
	if (err == 0 && !mem_lock_is_held_by(lock, claim))
		err = -EPERM;
	if (err < 0)
		memory_publish_event(memory, EVENT_FAILED_RELEASE, key, lock);
	else
		memory_end_holding(memory, lock, EVENT_RELEASED);
	return err;
}

void memory_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	done(ctx, try_release(memory, key, claim, match));
}

void memory_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct memory_backend *memory = memory_of(backend);
	struct mem_lock *lock;

	memory_expire_due(memory);
	if (memory_find_lock(memory, key, match_token(token), &lock) == 0 && !lock->proven)
		memory_end_holding(memory, lock, EVENT_RELEASED);
}

static int may_refresh(struct mem_lock *lock, const struct lock_claim *claim, int64_t ttl_ms)
{
	if (!mem_lock_prove(lock, claim))
		return -EPERM;
	if (lock->ttl_ms == LEASE_NEVER)
		return -ENOTSUP;
	return ttl_ms == LEASE_NEVER ? -EINVAL : 0;
}

static int try_refresh(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                       struct holding_match match, int64_t ttl_ms, int64_t now_ns, struct mem_lock **ret)
{
	struct mem_lock *lock = NULL;
	int err = memory_find_lock(memory, key, match, &lock);

	if (err == -EISDIR)
		return err;
	if (err == 0)
		err = may_refresh(lock, claim, ttl_ms);
	if (err < 0) {
		memory_publish_event(memory, EVENT_FAILED_REFRESH, key, lock);
		return err;
	}
	*ret = lock;
	if (ttl_ms != LEASE_UNSET)
		lock->ttl_ms = ttl_ms;
	memory_restart_lease(memory, lock, now_ns);
	memory_publish_event(memory, EVENT_REFRESHED, key, lock);
	return 0;
}

void memory_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_lock *lock = NULL;
	int status = try_refresh(memory, key, claim, match, ttl_ms, now_ns, &lock);

	memory_answer_lock(status, lock, now_ns, done, ctx);
}

void memory_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                 backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_lock *lock = NULL;
	int status = memory_find_lock(memory, key, match_token(token), &lock);

	if (status == 0 && !mem_lock_prove(lock, claim))
		status = -EPERM;
	if (status == 0 && lock->ttl_ms != LEASE_NEVER) {
		memory_restart_lease(memory, lock, now_ns);
		memory_publish_event(memory, EVENT_REFRESHED, key, lock);
	}
	memory_answer_lock(status, status == 0 ? lock : NULL, now_ns, done, ctx);
}

void memory_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_entry *found = memory_find_entry(memory, key);
	struct entry entry;

	(void)match;
	if (!found) {
		done(ctx, -ENOENT, NULL);
		return;
	}
	entry.kind = found->kind;
	if (found->kind == ENTRY_LOCK) {
		if (claim)
			mem_lock_prove((struct mem_lock *)found, claim);
		entry.lock = mem_lock_describe((const struct mem_lock *)found, now_ns);
	} else {
		entry.dir = ((const struct mem_dir *)found)->info;
		entry.dir.default_ttl_ms = mem_dir_default_ttl((const struct mem_dir *)found);
	}
	done(ctx, 0, &entry);
}
