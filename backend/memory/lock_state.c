/* What a lock of the memory backend is like for a caller: whether a claim proves holding, and its description. */
#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"

bool mem_lock_is_held_by(const struct mem_lock *lock, const struct lock_claim *claim)
{
	struct lock_holder holder = lock_holder_of(lock);

	return lock_claim_proves(claim, &holder.claim);
}

bool mem_lock_prove(struct mem_lock *lock, const struct lock_claim *claim)
{
	bool holds = mem_lock_is_held_by(lock, claim);

	lock->proven = lock->proven || holds;
	return holds;
}

struct lock mem_lock_describe(const struct mem_lock *lock, int64_t now_ns)
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
		/* Rounded up, so that a lease that is not over has at least 1 ms left. */
		seen.remaining_ms = (lock->lease.due - now_ns + NS_PER_MS - 1) / NS_PER_MS;
		seen.expires_ms = lock->refreshed_ms + lock->ttl_ms;
	}
	return seen;
}

void memory_answer_lock(int status, const struct mem_lock *lock, int64_t now_ns, backend_lock_done *done,
                        void *ctx)
{
	struct lock seen;

	if (!lock) {
		done(ctx, status, NULL);
		return;
	}
	seen = mem_lock_describe(lock, now_ns);
	done(ctx, status, &seen);
}
