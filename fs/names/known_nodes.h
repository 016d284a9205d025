/*
 * Limits how many nodes the daemon remembers for the kernel. The kernel keeps a node for
 * every name that was looked up and exists, until its own memory runs short, and with
 * `.with/OPTIONS` a user can make any number of names exist. So each node counts for the
 * user who looked it up first.
 *
 * If a user has more than half of the limit, the kernel is asked to forget the nodes that
 * were looked up longest ago. Nodes in use cannot be forgotten: a user who reaches the limit
 * with these is refused more. If all users together reach their common limit, the users
 * with more than an equal share are refused more.
 */
#ifndef FS_NAMES_KNOWN_NODES_H
#define FS_NAMES_KNOWN_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/util/user_table.h"

struct known_user;

/* A node in the list of its user. Embedded in struct node. */
struct known_node {
	struct known_user *user; /* NULL: the node counts for nobody */
	struct known_node *prev, *next;
};

/* The owner sets the first six members. The rest is zero at first. */
struct known_nodes {
	size_t user_most; /* limit for each user; 0: none. Root and `self` have no limit. */
	size_t most;      /* limit for all users together; 0: none */
	uid_t self;       /* the user that the daemon runs as */
	bool is_short;    /* memory is short, so any number of nodes is too many */
	void (*on_full)(void *ctx, const char *line); /* called once for a user who is refused, until that user has at most half of the limit */
	void *ctx;
	struct user_entry *users;
	size_t count;
};

/*
 * May this user have the node that was added last? `leaving` nodes, which are about to be
 * forgotten, do not count. Returns 0 or -ENFILE.
 */
int known_nodes_admit(struct known_nodes *known, uid_t uid, size_t leaving);

/* May this user have a node that is yet to be added? Returns 0 or -ENFILE. */
int known_nodes_admit_next(struct known_nodes *known, uid_t uid, size_t leaving);

/* Counts a new node for this user. If there is no memory for a new user, it counts for nobody. */
void known_nodes_add(struct known_nodes *known, struct known_node *node, uid_t uid);

/* The node was looked up again. */
void known_nodes_touch(struct known_node *node);

/* The node is about to be freed. */
void known_nodes_remove(struct known_nodes *known, struct known_node *node);

/*
 * Returns the node that the kernel should forget now, because this user or all users together
 * have more than half of their limit, or memory is short. NULL: there is none, or none of the
 * few nodes that this call examined may be forgotten; the next call examines others.
 */
struct known_node *known_nodes_excess(struct known_nodes *known, uid_t uid,
                                      bool (*may_be_forgotten)(const struct known_node *node));

/* Frees the users, after all nodes have been removed. */
void known_nodes_free(struct known_nodes *known);

#endif
