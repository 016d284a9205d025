/*
 * The reserved names that are files: `.events`, `.events.json` and `.stats`, in every
 * directory. They are found but not listed. Each lookup makes a node of its own, so
 * that one who reads is told of nobody else's reading, and needs no backend later.
 */
#ifndef FS_NAMES_CONTROL_NODE_H
#define FS_NAMES_CONTROL_NODE_H

#include <stdint.h>
#include <sys/types.h>

/* What a node of them has beside its name, which is that of the directory. */
struct control_node {
	unsigned int users; /* the node, and what was opened through it */
	mode_t mode;        /* whoever may list the directory may read it */
	uid_t uid;
	gid_t gid;
	uint64_t read;      /* bytes, by all who opened it */
};

static inline struct control_node *control_node_hold(struct control_node *special)
{
	special->users++;
	return special;
}

/* Frees it with its last user. Accepts NULL. */
void control_node_put(struct control_node *special);

#endif
