/*
 * Nodes of the control files, which every directory has: `.events`, `.events.json`, `.stats`,
 * `.status`, `.status.json`, `.locks` and `.locks.json`. They are found by lookup but not listed. Each lookup makes another node, so that
 * readers do not share a read position, and so that reading needs no backend call.
 */
#ifndef FS_NAMES_CONTROL_NODE_H
#define FS_NAMES_CONTROL_NODE_H

#include <stdint.h>
#include <sys/types.h>

/* The data of such a node. Its path is that of the directory. */
struct control_node {
	unsigned int users; /* references: one by the node, and one by each open file of it */
	mode_t mode;        /* readable for the users who may list the directory */
	uid_t uid;
	gid_t gid;
	uint64_t read;      /* bytes read so far through all open files */
};

/* Adds a reference. */
static inline struct control_node *control_node_hold(struct control_node *control)
{
	control->users++;
	return control;
}

/* Drops a reference; the last one frees the data. Accepts NULL. */
void control_node_put(struct control_node *control);

#endif
