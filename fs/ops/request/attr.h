/* How what stands at a path looks to stat(2). */
#ifndef FS_OPS_REQUEST_ATTR_H
#define FS_OPS_REQUEST_ATTR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>


struct entry;
struct mount;
struct node;

/*
 * How long the kernel may keep what it was told, in seconds. What other mounts
 * or a lease can change: not at all. A directory's permissions: long enough to
 * check them within the system call that looked it up. What only options decide:
 * longer, but not so long that a daemon that died seems alive.
 */
#define ATTR_KEEP_DIR 0.01
#define ATTR_KEEP_FIXED 1.0

/* `asker`: whose request it is, as who presents a lock's id is shown as its owner. */
struct stat attr_of_entry(const struct mount *mount, const struct node *node, const struct entry *entry,
                          const struct fuse_ctx *asker);

/* The root, `.with` and the roots of views: they need no backend. */
bool attr_is_fixed(const struct node *node);
struct stat attr_of_fixed(const struct mount *mount, const struct node *node);

/* A lock that has ended, or a free one, seen through a descriptor. */
struct stat attr_of_ended(const struct node *node);

double attr_keep(const struct node *node);

#endif
