#include "backend/memory/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/copy.h"

/* Links a new entry; false where the table had no memory for it. */
static bool link_entry(struct mem_tree *tree, struct mem_dir *parent, struct mem_entry *entry)
{
	HASH_ADD_KEYPTR(hh, tree->by_path, entry->path, strlen(entry->path), entry);
	if (!entry->hh.tbl)
		return false;
	entry->parent = parent;
	DL_APPEND(parent->children, entry);
	return true;
}

int tree_init(struct mem_tree *tree)
{
	*tree = (struct mem_tree){ .root = calloc(1, sizeof(*tree->root) + 1) };
	if (!tree->root)
		return -ENOMEM;
	tree->root->entry.kind = ENTRY_DIR;
	tree->root->entry.path = tree->root->text;
	return 0;
}

static void entry_free(struct mem_tree *tree, struct mem_entry *entry)
{
	if (entry->kind == ENTRY_LOCK) {
		struct mem_lock *lock = (struct mem_lock *)entry;

		holder_put(&tree->holders, lock->holder);
		free(lock->content);
	}
	free(entry);
}

void tree_free(struct mem_tree *tree)
{
	struct mem_entry *entry, *next;

	HASH_ITER(hh, tree->by_path, entry, next) {
		HASH_DELETE(hh, tree->by_path, entry);
		entry_free(tree, entry);
	}
	free(tree->root);
	tree->root = NULL;
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
	const char *slash = strrchr(path, '/');
	struct mem_entry *parent = find_bytes(tree, path, slash ? (size_t)(slash - path) : 0);

	if (!parent)
		return -ENOENT;
	if (parent->kind != ENTRY_DIR)
		return -ENOTDIR;
	*ret = (struct mem_dir *)parent;
	return 0;
}

struct mem_lock *tree_add_lock(struct mem_tree *tree, struct mem_dir *parent, const char *path,
                               const struct lock_holder *holder)
{
	struct mem_lock *lock = calloc(1, sizeof(*lock) + text_size(holder->claim.id) + text_size(path));

	if (!lock)
		return NULL;

	char *cursor = lock->text;
	lock->entry.kind = ENTRY_LOCK;
	copy_text(&cursor, holder->claim.id);
	lock->entry.path = copy_text(&cursor, path);
	lock->holder = holder_get(&tree->holders, holder);
	if (!lock->holder)
		goto fail;
	if (!link_entry(tree, parent, &lock->entry))
		goto fail_holder;
	return lock;
fail_holder:
	holder_put(&tree->holders, lock->holder);
fail:
	free(lock);
	return NULL;
}

struct mem_dir *tree_add_dir(struct mem_tree *tree, struct mem_dir *parent, const char *path,
                             const struct dir_info *info)
{
	struct mem_dir *dir = calloc(1, sizeof(*dir) + text_size(path));

	if (!dir)
		return NULL;

	char *cursor = dir->text;
	dir->entry.kind = ENTRY_DIR;
	dir->entry.path = copy_text(&cursor, path);
	dir->info = *info;
	if (!link_entry(tree, parent, &dir->entry)) {
		free(dir);
		return NULL;
	}
	return dir;
}

void tree_remove(struct mem_tree *tree, struct mem_entry *entry)
{
	DL_DELETE(entry->parent->children, entry);
	HASH_DELETE(hh, tree->by_path, entry);
	entry_free(tree, entry);
}
