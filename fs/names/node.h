/*
 * Nodes: files and directories that the kernel names by a number. A number is never used
 * twice, and each holding of a lock has another node, so that an old name or descriptor
 * cannot touch the next holder's lock.
 */
#ifndef FS_NAMES_NODE_H
#define FS_NAMES_NODE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backend/util/hash.h"
#include "fs/caller/permission.h"
#include "fs/names/known_nodes.h"
#include "fs/names/view.h"

enum node_kind {
	NODE_DIR,      /* a directory, in the plain tree or in a view */
	NODE_LOCK,     /* one holding of a lock */
	NODE_ACQUIRED, /* one holding of a lock: the node that its creation made, see request_look_up_lock() */
	NODE_UNLOCKED, /* made by opening a free or held name for flock(2); stands for the holding that is bound through it */
	NODE_WITH,     /* `.with` */
	/* Control files (control_node.h). Their path is that of the directory that they are in. */
	NODE_EVENTS,      /* `.events` */
	NODE_EVENTS_JSON, /* `.events.json` */
	NODE_STATS,       /* `.stats` */
	NODE_STATUS,      /* `.status` */
	NODE_STATUS_JSON, /* `.status.json` */
	NODE_LOCKS,       /* `.locks` */
	NODE_LOCKS_JSON,  /* `.locks.json` */
};

/* Identifies a node: a lookup that leads to an equal name finds the node that exists. */
struct node_name {
	struct view *view; /* NULL: the plain tree */
	uint64_t token;    /* fencing token of a holding; for unique nodes a serial number; otherwise 0 */
	uint64_t kind;     /* enum node_kind, without padding */
	char path[];       /* a key, or the path of a directory; the root is "" */
};

struct node {
	fuse_ino_t number;
	uint64_t lookups; /* replies with this node, less those that the kernel forgot */
	size_t files;     /* open files of it */
	size_t creators;  /* open files of it by whose creation the holding was acquired */
	bool eclipsed;    /* the kernel was given another node for this name and holding later */
	bool named;       /* lookups find it; false after it was removed or its holding ended */
	bool cached;      /* the last lookup was answered from the cache of the backend, without a call */
	bool is_shared;   /* of a lock: it was shared when it was looked up last */
	struct permissions permissions; /* as the kernel was told last */
	mode_t next_permissions; /* of a lock or handle: the permission bits of a lock that is acquired through an open file of it */
	int64_t permissions_ns;         /* of a directory: when that was, CLOCK_BOOTTIME */
	fuse_ino_t found_last; /* of a directory: the node of the last name that a LOOKUP found in it */
	union {
		struct control_node *control; /* of a control file */
		struct inotify_watch *watch;  /* of a node named by a holding, while its end is watched (inotify.h); or NULL */
	};
	uint64_t bound_token; /* the holding that was bound last through an open file of it; 0: none */
	bool ended;           /* the holding in its name has ended */
	bool bound_ended;     /* the holding `bound_token` has ended */
	struct known_node known;
	UT_hash_handle by_number;
	UT_hash_handle by_name;
	char *moved_key;      /* key of the lock that open files of it have moved to by rename(2); NULL: that in the name */
	struct node_name name; /* last: it ends in the path */
};

struct node_table {
	struct node *by_number;
	struct node *by_name;
	struct view_table views;
	struct known_nodes known;
	fuse_ino_t last_number;
	uint64_t last_unique;
	struct node *root;
	void (*on_free)(struct node *node); /* called before a node named by a holding is freed; set by fs/holdings/inotify.c */
};

/* Returns 0 or -ENOMEM. */
int node_table_init(struct node_table *table);
void node_table_free(struct node_table *table);

/* Returns the node of this number, or NULL if the kernel was never given the number. */
struct node *node_find(const struct node_table *table, fuse_ino_t number);

/*
 * Returns the node of this name, and counts one lookup. If there is none, makes a node,
 * which counts for the user `uid` (known_nodes.h). NULL: there is no memory.
 */
struct node *node_look_up(struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                          const char *path, uid_t uid);

/* Returns the node of this name without counting a lookup, or NULL if there is none. */
struct node *node_peek(const struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                       const char *path);

/* Returns a token for a unique node: a name with it finds no node that exists. */
uint64_t node_unique(struct node_table *table);

/* Takes back `count` lookups, and frees the node if none is left. */
void node_forget(struct node_table *table, struct node *node, uint64_t count);

/* The file was removed: the next lookup of its name makes another node. */
void node_unname(struct node_table *table, struct node *node);

/*
 * The holding `token`, which this node is named by or which is bound through it, has ended.
 * It stays ended, whatever the backend says later, and the next lookup of the name makes
 * another node.
 */
void node_end(struct node_table *table, struct node *node, uint64_t token);

/* Open files of the node of a lock are about the lock `key` from now on. Returns 0 or -ENOMEM. */
int node_move(struct node *node, const char *key);

/* Returns the directory through which the kernel found the node, or NULL if the kernel has forgotten it. */
const struct node *node_parent(const struct node_table *table, const struct node *node);

/* Returns the name of the node in its directory. The text lives as long as the node. */
const char *node_base_name(const struct node *node);

/* Returns the inode number that stat(2) shows. It is equal for a path in all views and on all mounts. */
ino_t path_inode(const char *path);

static inline enum node_kind node_kind(const struct node *node)
{
	return (enum node_kind)node->name.kind;
}

/* Returns the path of a directory, or the key of the lock that open files of the node are about. */
static inline const char *node_path(const struct node *node)
{
	return node->moved_key ? node->moved_key : node->name.path;
}

/* Is it the node of a control file? */
static inline bool node_is_control(const struct node *node)
{
	return node_kind(node) >= NODE_EVENTS;
}

/* Has its name the token of a holding? */
static inline bool node_is_of_holding(const struct node *node)
{
	return node_kind(node) == NODE_LOCK || node_kind(node) == NODE_ACQUIRED;
}

/* Is it the node of a lock or handle? */
static inline bool node_is_lock(const struct node *node)
{
	return node_is_of_holding(node) || node_kind(node) == NODE_UNLOCKED;
}

/* Returns the token of the holding that the node of a lock stands for; 0: none, it is a handle. */
static inline uint64_t node_token(const struct node *node)
{
	if (node->bound_token)
		return node->bound_token;
	return node_is_of_holding(node) ? node->name.token : 0;
}

/* Is the holding that the node of a lock stands for known to have ended? That is known also when no file of it is open. */
static inline bool node_has_ended(const struct node *node)
{
	return node->bound_token ? node->bound_ended : node->ended;
}

/* The holding `token` was bound to an open file of this node. */
static inline void node_bind(struct node *node, uint64_t token)
{
	node->bound_token = token;
	node->bound_ended = false;
}

/*
 * Returns the token for the name of a directory. While a creation is pending, the kernel
 * keeps all other creations and lookups out of its directory. So in a view where creation
 * may wait each lookup makes a unique directory node.
 */
static inline uint64_t dir_token(struct node_table *table, const struct view *view)
{
	return view_hides(view) ? node_unique(table) : 0;
}

/* Returns the options of the view that the node is in. */
static inline const struct view_options *node_view(const struct node *node)
{
	return view_options_of(node->name.view);
}

/* Type and permission bits of a lock that is shown as a symbolic link. */
#define SYMLINK_MODE (S_IFLNK | 0777)

/* Remembers the mode, owner and group of a lock that the kernel is told. */
static inline void node_belongs_to(struct node *node, mode_t mode, uid_t uid, gid_t gid)
{
	node->permissions = (struct permissions){ .mode = mode, .uid = uid, .gid = gid };
}

/* Remembers the permissions of a directory that were just read. */
void node_note_permissions(struct node *node, const struct permissions *permissions);

#endif
