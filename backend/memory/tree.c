/* The tree of locks and directories, and the memory that it takes from the quota of each user. */
#include "backend/memory/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/memory/room.h"
#include "backend/util/text/key.h"
#include "backend/util/text_copy.h"

/* Adds a new entry to the hash table and its directory. Returns false if there is no memory. */
static bool link_entry(struct mem_tree *tree, struct mem_dir *parent, struct mem_entry *entry)
{
	HASH_ADD_KEYPTR(hh, tree->by_path, entry->path, strlen(entry->path), entry);
	if (!entry->hh.tbl)
		return false;
	entry->parent = parent;
	DL_APPEND(parent->children, entry);
	parent->child_count++;
	parent->lock_count += entry->kind == ENTRY_LOCK;
	return true;
}

int tree_init(struct mem_tree *tree)
{
	*tree = (struct mem_tree){ .root = calloc(1, sizeof(*tree->root) + 1) };
	if (!tree->root)
		return -ENOMEM;
	tree->root->entry.kind = ENTRY_DIR;
	tree->root->entry.path = tree->root->text;
	tree->root->info.modified_ms = TIME_UNSET;
	return 0;
}

static size_t content_bytes(size_t size)
{
	return size ? quota_bytes(size) : 0;
}

static size_t lock_size(const char *path)
{
	return sizeof(struct mem_lock) + text_size(path);
}

static size_t holding_size(const char *id)
{
	return sizeof(struct mem_holding) + text_size(id);
}

static size_t dir_size(const char *path)
{
	return sizeof(struct mem_dir) + text_size(path);
}

static uid_t holder_uid(const struct mem_holding *holding)
{
	return holding->holder->holder.uid;
}

/* Bytes of a quota that `size` bytes take. */
static size_t counted_bytes(size_t size)
{
	enum { INDEX_BYTES = 24 }; /* in hash tables and heaps */

	return quota_bytes(size) + INDEX_BYTES;
}

int tree_allocate(struct quota *quota, uid_t uid, size_t size, void **ret)
{
	int err = quota_take(quota, uid, counted_bytes(size));

	if (err < 0)
		return err;
	*ret = calloc(1, size);
	if (*ret)
		return 0;
	quota_give(quota, uid, counted_bytes(size));
	return -ENOMEM;
}

void tree_discard(struct quota *quota, uid_t uid, size_t size, void *memory)
{
	quota_give(quota, uid, counted_bytes(size));
	free(memory);
}

/* Holdings */

static void free_holding(struct mem_tree *tree, struct mem_holding *holding)
{
	uid_t uid = holder_uid(holding);

	if (holding->linked)
		holding->linked->linked = NULL;
	if (holding->shared)
		shared_remove(&tree->shared, &tree->quota, holding);
	holder_put(&tree->holders, &tree->quota, holding->holder);
	tree_discard(&tree->quota, uid, holding_size(holding->id), holding);
}

int tree_add_holding(struct mem_tree *tree, struct mem_lock *lock, enum lock_mode mode, uint64_t token,
                     const struct lock_holder *holder, struct mem_holding **ret)
{
	size_t size = holding_size(holder->claim.id);
	struct mem_holding *holding;
	void *memory;
	int err = tree_allocate(&tree->quota, holder->uid, size, &memory);

	if (err < 0)
		return err;
	holding = memory;
	holding->lock = lock;
	holding->token = token;
	stpcpy(holding->id, holder->claim.id);
	err = holder_get(&tree->holders, &tree->quota, holder, &holding->holder);
	if (err < 0) {
		tree_discard(&tree->quota, holder->uid, size, holding);
		return err;
	}
	if (mode == LOCK_SHARED)
		err = shared_add(&tree->shared, &tree->quota, holding);
	if (err < 0) {
		free_holding(tree, holding);
		return err;
	}
	DL_APPEND(lock->holdings, holding);
	lock->holding_count++;
	lock->mode = mode;
	*ret = holding;
	return 0;
}

void tree_remove_holding(struct mem_tree *tree, struct mem_holding *holding)
{
	DL_DELETE(holding->lock->holdings, holding);
	holding->lock->holding_count--;
	free_holding(tree, holding);
}

struct mem_holding *tree_find_holding(const struct mem_tree *tree, const struct mem_lock *lock, uint64_t token)
{
	struct mem_holding *oldest = lock->holdings;
	struct mem_holding *found;

	if (oldest && oldest->token == token)
		return oldest;
	found = shared_find(&tree->shared, token);
	return found && found->lock == lock ? found : NULL;
}

struct mem_holding *tree_find_own(const struct mem_tree *tree, const struct mem_lock *lock, const struct lock_claim *claim)
{
	struct mem_holding *only = lock->holdings;
	struct lock_holder holder;

	if (only && only->shared)
		return shared_find_own(&tree->shared, lock, claim);
	if (!only)
		return NULL;
	holder = mem_holder_of(only);
	return lock_claim_proves(claim, &holder.claim) ? only : NULL;
}

static void free_lock(struct mem_tree *tree, struct mem_lock *lock)
{
	while (lock->holdings)
		tree_remove_holding(tree, lock->holdings);
	quota_give(&tree->quota, lock->content_uid, content_bytes(lock->content_size));
	free(lock->content);
	tree_discard(&tree->quota, lock->maker, lock_size(lock->entry.path), lock);
}

/* Ends all passes over a directory that is being removed. */
static void end_passes(struct mem_dir *dir)
{
	while (dir->cursors) {
		struct mem_cursor *cursor = dir->cursors;

		DL_DELETE(dir->cursors, cursor);
		cursor->dir = NULL;
		cursor->at = NULL;
	}
}

static void free_dir(struct mem_tree *tree, struct mem_dir *dir)
{
	end_passes(dir);
	room_dissolve(dir);
	tree_discard(&tree->quota, dir->maker, dir_size(dir->entry.path), dir);
}

static void entry_free(struct mem_tree *tree, struct mem_entry *entry)
{
	if (entry->kind == ENTRY_LOCK)
		free_lock(tree, (struct mem_lock *)entry);
	else
		free_dir(tree, (struct mem_dir *)entry);
}

void tree_free(struct mem_tree *tree)
{
	struct mem_entry *entry, *next;

	HASH_ITER(hh, tree->by_path, entry, next) {
		HASH_DELETE(hh, tree->by_path, entry);
		entry_free(tree, entry);
	}
	if (tree->root)
		end_passes(tree->root);
	free(tree->root);
	tree->root = NULL;
	quota_free(&tree->quota);
}

static struct mem_entry *find_bytes(const struct mem_tree *tree, const char *path, size_t length)
{
	struct mem_entry *entry;

	if (length == 0)
		return &tree->root->entry;
	HASH_FIND(hh, tree->by_path, path, length, entry);
	return entry;
}

struct mem_entry *tree_find(const struct mem_tree *tree, const char *path)
{
	return find_bytes(tree, path, strlen(path));
}

int tree_find_parent(const struct mem_tree *tree, const char *path, struct mem_dir **ret)
{
	struct mem_entry *parent = find_bytes(tree, path, key_parent_length(path));

	if (!parent)
		return -ENOENT;
	if (parent->kind != ENTRY_DIR)
		return -ENOTDIR;
	*ret = (struct mem_dir *)parent;
	return 0;
}

int tree_add_lock(struct mem_tree *tree, struct mem_dir *parent, const char *path, uid_t uid, struct mem_lock **ret)
{
	size_t size = lock_size(path);
	struct mem_lock *lock;
	void *memory;
	char *cursor;
	int err = tree_allocate(&tree->quota, uid, size, &memory);

	if (err < 0)
		return err;
	lock = memory;
	cursor = lock->text;
	lock->entry.kind = ENTRY_LOCK;
	lock->entry.path = copy_text(&cursor, path);
	lock->maker = uid;
	if (!link_entry(tree, parent, &lock->entry)) {
		tree_discard(&tree->quota, uid, size, lock);
		return -ENOMEM;
	}
	*ret = lock;
	return 0;
}

int tree_add_dir(struct mem_tree *tree, struct mem_dir *parent, const char *path, const struct dir_info *info)
{
	size_t size = dir_size(path);
	struct mem_dir *dir;
	void *memory;
	char *cursor;
	int err = tree_allocate(&tree->quota, info->uid, size, &memory);

	if (err < 0)
		return err;
	dir = memory;
	cursor = dir->text;
	dir->entry.kind = ENTRY_DIR;
	dir->entry.path = copy_text(&cursor, path);
	dir->info = *info;
	dir->maker = info->uid;
	if (link_entry(tree, parent, &dir->entry))
		return 0;
	tree_discard(&tree->quota, info->uid, size, dir);
	return -ENOMEM;
}

static int change_content(struct mem_lock *lock, size_t size)
{
	char *content = NULL;

	if (size > 0) {
		content = realloc(lock->content, size);
		if (!content)
			return -ENOMEM;
		if (size > lock->content_size)
			memset(content + lock->content_size, 0, size - lock->content_size);
	} else {
		free(lock->content);
	}
	lock->content = content;
	lock->content_size = size;
	return 0;
}

int tree_resize_content(struct mem_tree *tree, struct mem_lock *lock, size_t size)
{
	size_t before = content_bytes(lock->content_size);
	size_t after = content_bytes(size);
	size_t more = after > before ? after - before : 0;
	uid_t uid = lock->content ? lock->content_uid : holder_uid(lock->holdings);
	int err = quota_take(&tree->quota, uid, more);

	if (err < 0)
		return err;
	err = change_content(lock, size);
	if (err < 0)
		quota_give(&tree->quota, uid, more);
	else if (after < before)
		quota_give(&tree->quota, uid, before - after);
	lock->content_uid = uid;
	return err;
}

/* New entries go to the end, behind all that the pass takes, so the pass ends after the present number of entries. */
struct mem_cursor *tree_cursor_new(struct mem_dir *dir)
{
	struct mem_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor)
		return NULL;
	cursor->dir = dir;
	cursor->at = dir->children;
	cursor->left = dir->child_count;
	DL_APPEND(dir->cursors, cursor);
	return cursor;
}

void tree_cursor_free(struct mem_cursor *cursor)
{
	if (cursor->dir)
		DL_DELETE(cursor->dir->cursors, cursor);
	free(cursor);
}

struct mem_entry *tree_cursor_next(struct mem_cursor *cursor)
{
	struct mem_entry *entry = cursor->left > 0 ? cursor->at : NULL;

	if (!entry)
		return NULL;
	cursor->at = entry->next;
	cursor->left--;
	return entry;
}

/* Moves on the passes whose next entry is this one, which is being removed. */
static void pass_over(struct mem_dir *dir, const struct mem_entry *entry)
{
	struct mem_cursor *cursor;

	DL_FOREACH(dir->cursors, cursor)
		if (cursor->at == entry)
			cursor->at = entry->next;
}

void tree_remove(struct mem_tree *tree, struct mem_entry *entry)
{
	pass_over(entry->parent, entry);
	DL_DELETE(entry->parent->children, entry);
	entry->parent->child_count--;
	entry->parent->lock_count -= entry->kind == ENTRY_LOCK;
	HASH_DELETE(hh, tree->by_path, entry);
	entry_free(tree, entry);
}
