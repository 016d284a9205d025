/*
 * Nodes: what the kernel knows by a number. A number is never used twice, and
 * each holding of a lock has a node of its own, so that an old name or
 * descriptor cannot touch the next holder's lock.
 */
#ifndef FS_NAMES_NODE_H
#define FS_NAMES_NODE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/util/hash.h"
#include "fs/names/known_nodes.h"
#include "fs/names/view.h"

enum node_kind {
	NODE_DIR,  /* of the tree, seen plainly or through a view */
	NODE_LOCK, /* one holding of a lock */
	NODE_ACQUIRED, /* likewise, for who acquired it by creating: see request_look_up_lock() */
	NODE_UNLOCKED, /* made by opening a name for flock(2); it holds what is locked through it */
	NODE_WITH, /* `.with` */
	/* What has a reserved name, all special: */
	NODE_EVENTS, /* `.events` in a directory, whose path is that of the node; likewise: */
	NODE_EVENTS_JSON,
	NODE_STATS,
};

/* Two lookups of the same thing find the same node. */
struct node_name {
	struct view *view; /* NULL: the plain tree */
	uint64_t token;    /* of a holding; of what is like no other, a number; else 0 */
	uint64_t kind;     /* enum node_kind, without padding */
	char path[];       /* a key, or the path of a directory; "" is the root */
};

struct node {
	fuse_ino_t number;
	uint64_t lookups; /* how often the kernel was told of it, less what it forgot */
	size_t files;     /* of it that are open */
	size_t creators;  /* those among them by whose creation the holding was acquired */
	bool eclipsed;    /* the kernel was given another node of the same name and holding since */
	bool named;       /* found by its name; not so once it was removed */
	bool recalled;    /* a lock that was looked up last without asking whether it is there */
	uid_t uid;            /* of a lock: its owner, as the kernel was told */
	gid_t gid;
	union {
		struct control_node *special; /* of what has a reserved name: control_node.h */
		struct inotify_watch *watch;     /* of a lock, while its end is waited for: inotify.h; else NULL */
	};
	uint64_t bound_token; /* of the holding that was locked last through a file of it; 0: none */
	bool ended;           /* the holding that it is named by was said to have ended */
	bool bound_ended;     /* the holding `bound_token` was said to have ended */
	struct known_node known;
	UT_hash_handle by_number;
	UT_hash_handle by_name;
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
	void (*on_free)(struct node *node); /* called for a lock's node that is freed; set by fs/holdings/inotify.c */
};

/* Returns 0 or -ENOMEM. */
int node_table_init(struct node_table *table);
void node_table_free(struct node_table *table);

/* A number that the kernel was given; NULL where it makes one up. */
struct node *node_find(const struct node_table *table, fuse_ino_t number);

/*
 * The node of this name, made where there is none and booked on `uid` then, with one
 * more lookup counted. NULL where there is no memory.
 */
struct node *node_look_up(struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                          const char *path, uid_t uid);

/* Likewise, but only what there is, and no lookup is counted; NULL: there is none. */
struct node *node_peek(const struct node_table *table, enum node_kind kind, struct view *view, uint64_t token,
                       const char *path);

/* A token for a name that is to find no node but a new one. */
uint64_t node_unique(struct node_table *table);

/* Takes back `count` lookups; a node without any is freed. */
void node_forget(struct node_table *table, struct node *node, uint64_t count);

/* What it stood for was removed by the kernel: the next of this name is another node. */
void node_unname(struct node_table *table, struct node *node);

/*
 * A holding of this lock's node was said to have ended. That stays so, whatever the backend
 * says later; whoever looks the name up then finds another node.
 */
void node_end(struct node_table *table, struct node *node, uint64_t token);

/* The directory through which the kernel found it, or NULL if the kernel does not know that. */
const struct node *node_parent(const struct node_table *table, const struct node *node);

/* Its name there. It lives as long as the node. */
const char *node_base_name(const struct node *node);

/* The inode number that stat shows: the same for a path in all views and mounts. */
ino_t path_inode(const char *path);

static inline enum node_kind node_kind(const struct node *node)
{
	return (enum node_kind)node->name.kind;
}

static inline bool node_is_control(const struct node *node)
{
	return node_kind(node) >= NODE_EVENTS;
}

/* Is it named by a holding? */
static inline bool node_is_of_holding(const struct node *node)
{
	return node_kind(node) == NODE_LOCK || node_kind(node) == NODE_ACQUIRED;
}

static inline bool node_is_lock(const struct node *node)
{
	return node_is_of_holding(node) || node_kind(node) == NODE_UNLOCKED;
}

/* The holding that a lock's node stands for; 0: none, it is a handle. */
static inline uint64_t node_token(const struct node *node)
{
	if (node->bound_token)
		return node->bound_token;
	return node_is_of_holding(node) ? node->name.token : 0;
}

/* Is the holding that a lock's node stands for known to have ended, though no file of it may be open any more? */
static inline bool node_has_ended(const struct node *node)
{
	return node->bound_token ? node->bound_ended : node->ended;
}

/* A file of this node was locked, and has this holding. */
static inline void node_bind(struct node *node, uint64_t token)
{
	node->bound_token = token;
	node->bound_ended = false;
}

/*
 * The token of a directory's name. Where creation may wait, the kernel keeps everybody
 * else out of the directory meanwhile; so there each lookup finds one of its own.
 */
static inline uint64_t dir_token(struct node_table *table, const struct view *view)
{
	return view_hides(view) ? node_unique(table) : 0;
}

static inline const struct view_options *node_view(const struct node *node)
{
	return view_options_of(node->name.view);
}

/* Whom the kernel is told that it belongs to. */
static inline void node_belongs_to(struct node *node, uid_t uid, gid_t gid)
{
	node->uid = uid;
	node->gid = gid;
}

#endif
