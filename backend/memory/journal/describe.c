/* Records that describe holdings, contents and directories as they are in the tree. */
#include "backend/memory/journal/describe.h"

#include <errno.h>

struct record describe_token(uint64_t last_token)
{
	return (struct record){ .kind = RECORD_TOKEN, .token = last_token };
}

static struct record_state state_of(const struct mem_holding *holding)
{
	return (struct record_state){
		.due_ns = holding->ttl_ms == LEASE_NEVER ? 0 : holding->lease.due,
		.ttl_ms = holding->ttl_ms,
		.refreshed_ms = holding->refreshed_ms,
		.modified_ms = holding->modified_ms,
		.permissions = holding->permissions,
	};
}

/* The mode of a lock is that of its holdings, but for a conversion that is under way: only shared holdings are in the table. */
struct record describe_holding(const struct mem_holding *holding)
{
	return (struct record){
		.kind = RECORD_HOLDING,
		.token = holding->token,
		.path = holding->lock->entry.path,
		.state = state_of(holding),
		.acquired_ms = holding->acquired_ms,
		.mode = holding->shared ? LOCK_SHARED : LOCK_EXCLUSIVE,
		.form = holding->form,
		.holder = mem_holder_of(holding),
	};
}

struct record describe_state(const struct mem_holding *holding)
{
	return (struct record){ .kind = RECORD_STATE, .token = holding->token, .state = state_of(holding) };
}

struct record describe_content(const struct mem_holding *holding, size_t offset, size_t count)
{
	const struct mem_lock *lock = holding->lock;

	return (struct record){
		.kind = RECORD_CONTENT,
		.token = holding->token,
		.size = lock->content_size,
		.offset = offset,
		.bytes = count > 0 ? lock->content + offset : NULL,
		.count = count,
	};
}

struct record describe_link(const struct mem_holding *holding)
{
	return (struct record){
		.kind = RECORD_LINK,
		.token = holding->token,
		.linked = holding->linked ? holding->linked->token : 0,
	};
}

struct record describe_end(const struct mem_holding *holding)
{
	return (struct record){ .kind = RECORD_END, .token = holding->token };
}

struct record describe_dir(const struct mem_dir *dir)
{
	return (struct record){ .kind = RECORD_DIR, .path = dir->entry.path, .dir = dir->info };
}

struct record describe_dir_end(const struct mem_dir *dir)
{
	return (struct record){ .kind = RECORD_DIR_END, .path = dir->entry.path };
}

int describe_in(struct journal_file *file, const struct record *record)
{
	size_t size = record_size(record);
	uint8_t *payload = journal_file_reserve(file, size);

	if (!payload)
		return -errno;
	record_write(record, payload);
	journal_file_append(file, record->kind, size);
	return 0;
}
