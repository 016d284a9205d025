/* Calls on the content of locks: write, truncate. */
#include <errno.h>
#include <string.h>

#include "backend/memory/memory_internal.h"

static int try_write(struct memory_backend *memory, const char *key, uint64_t token, off_t offset,
                     const void *data, size_t size)
{
	struct mem_holding *holding;
	struct mem_lock *lock;
	size_t start;

	if (memory_find_holding(memory, key, NULL, match_token(token), &holding) < 0)
		return -ESTALE;
	lock = holding->lock;
	if (lock->mode == LOCK_SHARED)
		return -EBUSY;
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
	journal_note_content(memory->journal, holding, start, size);
	holding->proven = true;
	return 0;
}

void memory_write(struct backend *backend, const char *key, uint64_t token, off_t offset,
                  const void *data, size_t size, backend_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);

	memory_expire_due(memory);
	memory_answer(memory, try_write(memory, key, token, offset, data, size), done, ctx);
}

static int try_truncate(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                        struct holding_match match, off_t size, struct mem_holding **ret)
{
	struct mem_holding *holding;
	int err = memory_find_holding(memory, key, claim, match, &holding);

	if (err < 0)
		return err;
	if (!mem_holding_prove(holding, claim) || holding->lock->mode == LOCK_SHARED)
		return -EBUSY;
	if (size > LOCK_CONTENT_MAX)
		return -EFBIG;
	err = tree_resize_content(&memory->tree, holding->lock, (size_t)size);
	if (err < 0)
		return err;
	journal_note_content(memory->journal, holding, 0, 0);
	*ret = holding;
	return 0;
}

void memory_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                     struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	int64_t now_ns = memory_expire_due(memory);
	struct mem_holding *holding = NULL;
	int status = try_truncate(memory, key, claim, match, size, &holding);

	memory_answer_lock(memory, status, holding, now_ns, done, ctx);
}
