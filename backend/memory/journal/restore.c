/*
 * Takes over the locks of a journal, record by record. The checksums were right, so a record that does not fit to those before it
 * is a fault of lockfs or no accident: the journal is refused as a damaged one.
 */
#include "backend/memory/journal/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/memory/journal/record.h"
#include "backend/memory/memory_internal.h"

/* A holding by its token. */
struct restored {
	uint64_t token;
	struct mem_holding *holding;
	UT_hash_handle hh;
};

struct restore {
	struct memory_backend *memory;
	struct restored *by_token;
};

static struct restored *find(const struct restore *restore, uint64_t token)
{
	struct restored *found;

	HASH_FIND(hh, restore->by_token, &token, sizeof(token), found);
	return found;
}

static int remember(struct restore *restore, struct mem_holding *holding)
{
	struct restored *restored = calloc(1, sizeof(*restored));

	if (!restored)
		return -ENOMEM;
	restored->token = holding->token;
	restored->holding = holding;
	HASH_ADD(hh, restore->by_token, token, sizeof(restored->token), restored);
	if (restored->hh.tbl)
		return 0;
	free(restored);
	return -ENOMEM;
}

static void forget(struct restore *restore, struct restored *restored)
{
	HASH_DELETE(hh, restore->by_token, restored);
	free(restored);
}

static void count_token(struct restore *restore, uint64_t token)
{
	if (token > restore->memory->last_token)
		restore->memory->last_token = token;
}

static int restore_token(struct restore *restore, const struct record *record)
{
	count_token(restore, record->token);
	return 0;
}

/* Finds the lock of a holding, or makes it. */
static int get_lock(struct memory_backend *memory, const struct record *record, struct mem_lock **ret)
{
	struct mem_entry *entry = tree_find(&memory->tree, record->path);
	struct mem_dir *parent;
	int err;

	*ret = (struct mem_lock *)entry;
	if (entry)
		return entry->kind == ENTRY_LOCK ? 0 : -EBADMSG;
	if (tree_find_parent(&memory->tree, record->path, &parent) < 0)
		return -EBADMSG;
	err = tree_add_lock(&memory->tree, parent, record->path, record->holder.uid, ret);
	memory->lock_count += err == 0;
	return err;
}

static void set_state(struct mem_holding *holding, const struct record_state *state)
{
	holding->ttl_ms = state->ttl_ms;
	holding->refreshed_ms = state->refreshed_ms;
	holding->modified_ms = state->modified_ms;
	holding->permissions = state->permissions;
}

static int restore_holding(struct restore *restore, const struct record *record)
{
	struct memory_backend *memory = restore->memory;
	struct mem_holding *holding;
	struct mem_lock *lock;
	int err = find(restore, record->token) ? -EBADMSG : get_lock(memory, record, &lock);

	if (err != 0)
		return err;
	err = tree_add_holding(&memory->tree, lock, record->mode, record->token, &record->holder, &holding);
	if (err != 0)
		return err;
	count_token(restore, record->token);
	set_state(holding, &record->state);
	holding->acquired_ms = record->acquired_ms;
	holding->form = record->form;
	/* Nobody is left who would give it back. */
	holding->proven = true;
	if (holding->ttl_ms != LEASE_NEVER)
		err = heap_insert(&memory->leases.heap, &holding->lease, record->state.due_ns);
	return err < 0 ? err : remember(restore, holding);
}

static int restore_state(struct restore *restore, const struct record *record)
{
	struct restored *restored = find(restore, record->token);
	bool expires = record->state.ttl_ms != LEASE_NEVER;

	if (!restored || expires != (restored->holding->ttl_ms != LEASE_NEVER))
		return -EBADMSG;
	set_state(restored->holding, &record->state);
	if (expires)
		heap_move(&restore->memory->leases.heap, &restored->holding->lease, record->state.due_ns);
	return 0;
}

static int restore_content(struct restore *restore, const struct record *record)
{
	struct restored *restored = find(restore, record->token);
	struct mem_lock *lock;
	int err;

	if (!restored)
		return -EBADMSG;
	lock = restored->holding->lock;
	err = tree_resize_content(&restore->memory->tree, lock, record->size);
	if (err == 0 && record->count > 0)
		memcpy(lock->content + record->offset, record->bytes, record->count);
	return err;
}

static void unlink_holding(struct mem_holding *holding)
{
	if (holding->linked)
		holding->linked->linked = NULL;
	holding->linked = NULL;
}

static int restore_link(struct restore *restore, const struct record *record)
{
	struct restored *one = find(restore, record->token);
	struct restored *other = record->linked ? find(restore, record->linked) : NULL;

	if (!one || !other != !record->linked)
		return -EBADMSG;
	unlink_holding(one->holding);
	if (!other)
		return 0;
	unlink_holding(other->holding);
	one->holding->linked = other->holding;
	other->holding->linked = one->holding;
	return 0;
}

static int restore_end(struct restore *restore, const struct record *record)
{
	struct memory_backend *memory = restore->memory;
	struct restored *restored = find(restore, record->token);
	struct mem_holding *holding;
	struct mem_lock *lock;

	if (!restored)
		return -EBADMSG;
	holding = restored->holding;
	lock = holding->lock;
	forget(restore, restored);
	if (holding->ttl_ms != LEASE_NEVER)
		heap_remove(&memory->leases.heap, &holding->lease);
	tree_remove_holding(&memory->tree, holding);
	if (lock->holdings)
		return 0;
	tree_remove(&memory->tree, &lock->entry);
	memory->lock_count--;
	return 0;
}

static int add_dir(struct mem_tree *tree, const struct record *record)
{
	struct mem_dir *parent;

	if (tree_find_parent(tree, record->path, &parent) < 0)
		return -EBADMSG;
	return tree_add_dir(tree, parent, record->path, &record->dir);
}

static int restore_dir(struct restore *restore, const struct record *record)
{
	struct mem_tree *tree = &restore->memory->tree;
	struct mem_entry *entry = tree_find(tree, record->path);

	if (!entry)
		return add_dir(tree, record);
	if (entry->kind != ENTRY_DIR)
		return -EBADMSG;
	((struct mem_dir *)entry)->info = record->dir;
	return 0;
}

static int restore_dir_end(struct restore *restore, const struct record *record)
{
	struct mem_tree *tree = &restore->memory->tree;
	struct mem_entry *entry = tree_find(tree, record->path);

	if (!entry || entry->kind != ENTRY_DIR || ((struct mem_dir *)entry)->children)
		return -EBADMSG;
	tree_remove(tree, entry);
	return 0;
}

static int (*const restorers[RECORD_KINDS])(struct restore *restore, const struct record *record) = {
	[RECORD_TOKEN] = restore_token,
	[RECORD_HOLDING] = restore_holding,
	[RECORD_STATE] = restore_state,
	[RECORD_CONTENT] = restore_content,
	[RECORD_LINK] = restore_link,
	[RECORD_END] = restore_end,
	[RECORD_DIR] = restore_dir,
	[RECORD_DIR_END] = restore_dir_end,
};

static int restore_all(struct restore *restore, struct image_reader *reader)
{
	struct image_record framed;
	struct record record;
	int more;

	while ((more = image_next(reader, &framed)) > 0) {
		int err = record_read(framed.kind, framed.payload, framed.size, &record);

		if (err == 0)
			err = restorers[record.kind](restore, &record);
		if (err < 0)
			return err;
	}
	return more;
}

/* Does a lock have one exclusive holding, or shared ones only? */
static bool is_consistent(const struct mem_lock *lock)
{
	const struct mem_holding *holding;

	if (lock->mode == LOCK_EXCLUSIVE)
		return lock->holding_count == 1 && !lock->holdings->shared;
	DL_FOREACH(lock->holdings, holding)
		if (!holding->shared)
			return false;
	return true;
}

static bool all_consistent(const struct mem_tree *tree)
{
	const struct mem_entry *entry;

	for (entry = tree->by_path; entry; entry = entry->hh.next)
		if (entry->kind == ENTRY_LOCK && !is_consistent((const struct mem_lock *)entry))
			return false;
	return true;
}

int memory_restore(struct memory_backend *memory, struct image_reader *reader)
{
	struct restore restore = { .memory = memory };
	size_t most = memory->tree.quota.most;
	int err;

	/* Counted for each user, but not refused. */
	memory->tree.quota.most = most == 0 ? 0 : SIZE_MAX;
	err = restore_all(&restore, reader);
	memory->tree.quota.most = most;
	if (err == 0 && !all_consistent(&memory->tree))
		err = -EBADMSG;
	while (restore.by_token)
		forget(&restore, restore.by_token);
	deadlines_arm(&memory->leases);
	return err == 0 || err == -ENOMEM ? err : -EBADMSG;
}
