/* How what stands at a path looks to stat(2). */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include <fuse_lowlevel.h>

#include "fs/fs.h"

/*
 * How long the kernel may keep what it was told, in seconds. What other mounts
 * or a lease can change: not at all. A directory's permissions: long enough to
 * check them within the system call that looked it up. What only options decide:
 * longer, but not so long that a daemon that died seems alive.
 */
#define ATTR_KEEP_DIR 0.01
#define ATTR_KEEP_FIXED 1.0

/* `asker`: whose request it is, as who presents a lock's id is shown as its owner. */
struct stat attr_of_entry(const struct fs *fs, const struct node *node, const struct entry *entry,
                          const struct fuse_ctx *asker);

/* The root, `.with` and the roots of views: they need no backend. */
bool attr_is_fixed(const struct node *node);
struct stat attr_of_fixed(const struct fs *fs, const struct node *node);

/* A free lock, seen through an open handle. */
struct stat attr_of_handle(const char *key);

double attr_keep(const struct node *node);

/*
 * Within the system call that creates a file the kernel asks for its attributes
 * once more, to check permissions. This one question is answered from what the
 * creation said: the attributes are kept here, and taken once.
 */
void attr_keep_created(struct fs *fs, const struct node *node, const struct stat *attr);
bool attr_take_created(struct fs *fs, const struct node *node, struct stat *ret);

#endif
