/*
 * The tree of the memory backend: every lock and directory by its path, and
 * for each directory what is in it. It knows no clock and no claim.
 */
#ifndef BACKEND_MEMORY_TREE_H
#define BACKEND_MEMORY_TREE_H

#include "backend/memory/holders.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "backend/util/quota.h"
#include "lockfs/backend.h"

/* What locks and directories have in common; both embed it first. */
struct mem_entry {
	enum entry_kind kind;
	const char *path; /* within the same allocation */
	struct mem_dir *parent;
	struct mem_entry *prev, *next; /* its siblings */
	UT_hash_handle hh;
};

/* A place in a pass over the entries of a directory, which lasts while entries come and go. */
struct mem_cursor {
	struct mem_dir *dir;   /* NULL: it was removed */
	struct mem_entry *at;  /* the next entry of the pass; NULL: none is left */
	size_t left;           /* entries that the pass takes still, at the most */
	struct mem_cursor *prev, *next; /* others in this directory */
};

struct mem_dir {
	struct mem_entry entry;
	struct mem_entry *children; /* in the order in which they were made */
	size_t child_count;
	struct mem_cursor *cursors; /* of the passes over them */
	struct dir_info info; /* default_ttl_ms: its own */
	uid_t maker;          /* in whose quota it counts */
	char text[];
};

struct mem_queue;

struct mem_lock {
	struct mem_entry entry;
	struct heap_item lease; /* in the heap unless ttl_ms is LEASE_NEVER */
	struct mem_holder *holder; /* all of the holder but the id */
	int64_t ttl_ms;
	int64_t acquired_ms;
	int64_t refreshed_ms;
	uint64_t token;
	bool proven; /* somebody but who acquired it was told that he holds it */
	struct mem_queue *queue; /* who waits for it; NULL: nobody */
	char *content; /* NULL where there is none */
	size_t content_size;
	char text[]; /* the id, and the path */
};

struct mem_tree {
	struct mem_entry *by_path; /* all but the root */
	struct mem_holder *holders; /* of all locks */
	struct mem_dir *root;
	struct quota quota; /* of each user: bytes of what is in it */
};

/* The quota is set by the caller afterwards. Returns 0 or -ENOMEM. */
int tree_init(struct mem_tree *tree);

/* Frees everything in it. */
void tree_free(struct mem_tree *tree);

/* The root for "". NULL where nothing stands at this path. */
struct mem_entry *tree_find(const struct mem_tree *tree, const char *path);

/* The directory that `path` is in: 0, -ENOENT, or -ENOTDIR where it is a lock. */
int tree_find_parent(const struct mem_tree *tree, const char *path, struct mem_dir **ret);

/* Both copy what they are given. They return 0, -ENOMEM, or what the quota of its holder or owner says. */
int tree_add_lock(struct mem_tree *tree, struct mem_dir *parent, const char *path, const struct lock_holder *holder,
                  struct mem_lock **ret);
int tree_add_dir(struct mem_tree *tree, struct mem_dir *parent, const char *path, const struct dir_info *info);

/* Gives the content another size; what is new is zero. Returns as above. */
int tree_resize_content(struct mem_tree *tree, struct mem_lock *lock, size_t size);

/* A pass over what is in a directory now begins, or ends. NULL where there is no memory. */
struct mem_cursor *tree_cursor_new(struct mem_dir *dir);
void tree_cursor_free(struct mem_cursor *cursor);

/* The next entry of a pass; NULL: there is no more. */
struct mem_entry *tree_cursor_next(struct mem_cursor *cursor);

/* Takes out and frees an entry: a lock, or an empty directory other than the root. */
void tree_remove(struct mem_tree *tree, struct mem_entry *entry);

static inline struct lock_holder lock_holder_of(const struct mem_lock *lock)
{
	struct lock_holder holder = lock->holder->holder;

	holder.claim.id = lock->text;
	return holder;
}

static inline const char *entry_name(const struct mem_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');

	return slash ? slash + 1 : entry->path;
}

#endif
