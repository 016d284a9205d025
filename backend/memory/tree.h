/*
 * The tree of the memory backend: every lock and directory by its path, and the entries of each directory.
 * It knows no clock and no claim: lifecycle.c ends leases, and lock_state.c compares claims.
 */
#ifndef BACKEND_MEMORY_TREE_H
#define BACKEND_MEMORY_TREE_H

#include "backend/memory/holders.h"
#include "backend/memory/shared.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "backend/util/quota.h"
#include "backend/util/text/key.h"
#include "lockfs/backend.h"

/* What locks and directories have in common. Both have it as their first member. */
struct mem_entry {
	enum entry_kind kind;
	uint32_t mark;    /* of the last rewriting of the journal that has all of it, see journal/rewrite.h */
	const char *path; /* at the end of the same allocation */
	struct mem_dir *parent;
	struct mem_entry *prev, *next; /* in the list of its directory */
	UT_hash_handle hh;
};

/* The position of a pass over the entries of a directory. Entries may come and go during the pass. */
struct mem_cursor {
	struct mem_dir *dir;   /* NULL: the directory was removed */
	struct mem_entry *at;  /* the next entry of the pass; NULL: none is left */
	size_t left;           /* most entries that the pass still takes */
	struct mem_cursor *prev, *next; /* in the list of its directory */
};

struct mem_queue;

struct mem_dir {
	struct mem_entry entry;
	struct mem_entry *children; /* locks and directories, in the order in which they were made */
	size_t child_count;
	uint64_t lock_count; /* locks among the children */
	struct mem_queue *room;   /* hash table of the queues that wait for room (room.h), in the order of their first waiters */
	struct mem_queue *kept;   /* queues that keep the place of a lock that has ended */
	uint64_t kept_count;
	uint64_t room_waiters;    /* waiters of the queues in `room` */
	bool is_served;           /* its room is being given to waiters */
	struct mem_cursor *cursors; /* passes over the children */
	struct dir_info info; /* default_ttl_ms is that of this directory, never of one above */
	uid_t maker;          /* user in whose quota the directory counts */
	char text[];          /* the path */
};

/* A lock that is held. It has one exclusive holding, or any number of shared ones. */
struct mem_lock {
	struct mem_entry entry;
	enum lock_mode mode;
	uid_t maker;                  /* user in whose quota the lock counts: the first holder */
	struct mem_holding *holdings; /* the oldest first; NULL only while the lock is made or removed */
	uint64_t holding_count;
	struct mem_queue *queue;      /* its waiters; NULL: none */
	char *content;                /* NULL: no content */
	size_t content_size;
	uid_t content_uid;            /* user in whose quota the content counts */
	char text[];                  /* the path */
};

struct mem_holding {
	struct mem_lock *lock;
	struct heap_item lease;    /* in the heap unless ttl_ms is LEASE_NEVER */
	struct mem_holder *holder; /* the holder without its id */
	int64_t ttl_ms;            /* the lease, or LEASE_NEVER */
	int64_t acquired_ms;       /* time of the acquisition since the epoch */
	int64_t refreshed_ms;      /* time of the last refresh since the epoch; at first acquired_ms */
	int64_t modified_ms;       /* the time that the holder gave with the last refresh; TIME_UNSET: none */
	uint64_t token;            /* the fencing token */
	enum lock_form form;
	mode_t permissions;
	uint32_t mark;             /* of the last rewriting of the journal that has it */
	bool proven;               /* an answer other than that of acquire() told the holder so: give_back() keeps the holding */
	struct mem_holding *prev, *next; /* in the list of the lock */
	struct mem_holding *linked; /* link(2) made one of these two from the other; NULL: none */
	struct mem_shared_holding *shared; /* its place among all shared holdings; NULL: it is exclusive */
	char id[];
};

struct mem_tree {
	struct mem_entry *by_path;  /* hash table of all entries except the root */
	struct mem_holder *holders; /* hash table of the holders of all locks */
	struct mem_shared shared;   /* the shared holdings of all locks */
	struct mem_dir *root;
	struct quota quota;         /* bytes of locks and directories of each user */
};

/*
 * Allocates an entry, a holding, or what belongs to one, all zero, which counts in the quota of `uid` with its place in hash tables
 * and heaps. Returns 0 and *ret for tree_discard(), -ENOMEM, or the error of the quota.
 */
int tree_allocate(struct quota *quota, uid_t uid, size_t size, void **ret);

/* Frees what was allocated for this user in this size. */
void tree_discard(struct quota *quota, uid_t uid, size_t size, void *memory);

/* Returns 0 or -ENOMEM. The caller sets the quota afterwards. */
int tree_init(struct mem_tree *tree);

/* Frees all entries. */
void tree_free(struct mem_tree *tree);

/* Returns the entry at a path, the root for "", or NULL. */
struct mem_entry *tree_find(const struct mem_tree *tree, const char *path);

/* Finds the directory that `path` is in. Returns 0; -ENOENT; or -ENOTDIR if it is a lock. */
int tree_find_parent(const struct mem_tree *tree, const char *path, struct mem_dir **ret);

/* Adds a lock without holdings, which counts for `uid`. Returns 0, -ENOMEM, or the error of the quota. */
int tree_add_lock(struct mem_tree *tree, struct mem_dir *parent, const char *path, uid_t uid, struct mem_lock **ret);

/*
 * Adds a holding of this mode and token to a lock, with a copy of the holder. The lock has that mode from now on. Returns 0,
 * -ENOMEM, or the error of the holder's quota, and nothing has changed.
 */
int tree_add_holding(struct mem_tree *tree, struct mem_lock *lock, enum lock_mode mode, uint64_t token,
                     const struct lock_holder *holder, struct mem_holding **ret);

/* Removes and frees a holding. The lock stays, also without any. */
void tree_remove_holding(struct mem_tree *tree, struct mem_holding *holding);

/* Returns the holding of this token that the lock has, or NULL. */
struct mem_holding *tree_find_holding(const struct mem_tree *tree, const struct mem_lock *lock, uint64_t token);

/* Returns the oldest holding of the lock that a claim proves, or NULL. */
struct mem_holding *tree_find_own(const struct mem_tree *tree, const struct mem_lock *lock, const struct lock_claim *claim);

/* Adds a directory, with copies of the path and `info`. Returns 0, -ENOMEM, or the error of its owner's quota. */
int tree_add_dir(struct mem_tree *tree, struct mem_dir *parent, const char *path, const struct dir_info *info);

/* Changes the size of the content, which counts for the oldest holder; new bytes are zero. Returns 0, -ENOMEM, or the error of the quota. */
int tree_resize_content(struct mem_tree *tree, struct mem_lock *lock, size_t size);

/* Begins a pass over the present entries of a directory. Returns NULL if there is no memory. */
struct mem_cursor *tree_cursor_new(struct mem_dir *dir);

/* Ends a pass. */
void tree_cursor_free(struct mem_cursor *cursor);

/* Returns the next entry of a pass, or NULL after the last one. */
struct mem_entry *tree_cursor_next(struct mem_cursor *cursor);

/* Removes and frees an entry: a lock with its holdings, or an empty directory other than the root. */
void tree_remove(struct mem_tree *tree, struct mem_entry *entry);

static inline struct lock_holder mem_holder_of(const struct mem_holding *holding)
{
	struct lock_holder holder = holding->holder->holder;

	holder.claim.id = holding->id;
	return holder;
}

static inline const char *entry_name(const struct mem_entry *entry)
{
	return key_name(entry->path);
}

#endif
