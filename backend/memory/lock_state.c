/* What a holding of the memory backend is like for a caller: whether a claim proves it, and its description. */
#include "backend/memory/memory_internal.h"
#include "backend/util/clock.h"

bool mem_holding_is_of(const struct mem_holding *holding, const struct lock_claim *claim)
{
	struct lock_holder holder = mem_holder_of(holding);

	return lock_claim_proves(claim, &holder.claim);
}

bool mem_holding_prove(struct mem_holding *holding, const struct lock_claim *claim)
{
	bool holds = mem_holding_is_of(holding, claim);

	holding->proven = holding->proven || holds;
	return holds;
}

/* The key of the linked lock that was there first. */
static const char *first_key_of(const struct mem_holding *holding)
{
	const struct mem_holding *first = holding->token < holding->linked->token ? holding : holding->linked;

	return first->lock->entry.path;
}

struct lock mem_holding_describe(const struct mem_holding *holding, int64_t now_ns)
{
	const struct mem_lock *lock = holding->lock;
	bool is_linked = holding->linked && !mem_holding_is_due(holding->linked, now_ns);
	struct lock seen = {
		.key = lock->entry.path,
		.mode = lock->mode,
		.form = holding->form,
		.permissions = holding->permissions,
		.linked = is_linked,
		.first_key = is_linked ? first_key_of(holding) : NULL,
		.holders = lock->holding_count,
		.holder = mem_holder_of(holding),
		.ttl_ms = holding->ttl_ms,
		.remaining_ms = LEASE_NEVER,
		.acquired_ms = holding->acquired_ms,
		.refreshed_ms = holding->refreshed_ms,
		.modified_ms = holding->modified_ms == TIME_UNSET ? holding->refreshed_ms : holding->modified_ms,
		.expires_ms = LEASE_NEVER,
		.token = holding->token,
		.waiters = lock->queue ? lock->queue->count : 0,
		.content = lock->content,
		.content_size = lock->content_size,
	};

	if (holding->ttl_ms != LEASE_NEVER) {
		/* Rounded up, so that a lease that is not over has at least 1 ms left. */
		seen.remaining_ms = (holding->lease.due - now_ns + NS_PER_MS - 1) / NS_PER_MS;
		seen.expires_ms = holding->refreshed_ms + holding->ttl_ms;
	}
	return seen;
}

void memory_answer(struct memory_backend *memory, int status, backend_done *done, void *ctx)
{
	journal_commit(memory->journal);
	done(ctx, status);
}

void memory_answer_lock(struct memory_backend *memory, int status, const struct mem_holding *holding, int64_t now_ns,
                        backend_lock_done *done, void *ctx)
{
	struct lock seen;

	journal_commit(memory->journal);
	if (!holding) {
		done(ctx, status, NULL);
		return;
	}
	seen = mem_holding_describe(holding, now_ns);
	done(ctx, status, &seen);
}
