/*
 * Bounds what the kernel has the daemon remember. The kernel keeps a node for every
 * name that was looked up and exists, until it is short of memory itself, and by
 * `.with/OPTIONS` a user can make any number of names exist. So each node is booked on
 * the user who looked it up first. Past half of what a user may have, the kernel is
 * asked to forget the nodes that were looked up longest ago. A user whose nodes cannot
 * be forgotten, as they are in use, is refused more than that; and if all users
 * together have all there is, whoever has more than an equal share of it.
 */
#ifndef FS_NAMES_KNOWN_NODES_H
#define FS_NAMES_KNOWN_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/util/hash.h"

struct known_user;

/* The place of a node among those of a user. */
struct known_node {
	struct known_user *user; /* NULL: it is not booked */
	struct known_node *prev, *next;
};

/* All zero but what the owner sets. */
struct known_nodes {
	size_t user_most; /* nodes of one user; 0: any number. Root and `self` may have any number. */
	size_t most;      /* nodes of all users together; 0: any number */
	uid_t self;       /* whom the daemon runs as */
	bool is_short;    /* memory is short: there are too many, however few */
	void (*on_full)(void *ctx, const char *line); /* told once of a user who is refused, until there is room again */
	void *ctx;
	struct known_user *users;
	size_t count;
};

/*
 * May this user have the node that was added last? `leaving` nodes are about to be
 * forgotten, and do not count. Returns 0 or -ENFILE.
 */
int known_nodes_admit(struct known_nodes *known, uid_t uid, size_t leaving);

/* May this user have a node that is yet to be added? Returns 0 or -ENFILE. */
int known_nodes_admit_next(struct known_nodes *known, uid_t uid, size_t leaving);

/* Books a new node. Without memory for a new user it stays unbooked. */
void known_nodes_add(struct known_nodes *known, struct known_node *node, uid_t uid);

/* It was looked up once more. */
void known_nodes_touch(struct known_node *node);

/* It is freed. */
void known_nodes_remove(struct known_nodes *known, struct known_node *node);

/*
 * The node that the kernel should forget now, because this user or all users together have
 * more than half of what they may, or memory is short. NULL: none, or all that were looked at are in use;
 * the next call looks at others.
 */
struct known_node *known_nodes_excess(struct known_nodes *known, uid_t uid,
                                      bool (*may_be_forgotten)(const struct known_node *node));

/* Forgets the users, after their nodes. */
void known_nodes_free(struct known_nodes *known);

#endif
