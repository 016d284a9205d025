/* What stat(2) shows of locks and directories. */
#ifndef FS_OPS_REQUEST_ATTR_H
#define FS_OPS_REQUEST_ATTR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "lockfs/lock.h"

struct entry;
struct mount;
struct node;

/*
 * Attributes of directories: 10 ms, so that neither the kernel nor a check of permissions asks again within the system
 * call that looked the directory up. Other mounts can change them.
 */
#define ATTR_TIMEOUT_DIR 0.01

/* Attributes that only mount options decide: 1 s, so that a daemon that died does not seem alive for longer. */
#define ATTR_TIMEOUT_FIXED 1.0

/* Attributes of a lock or directory. A `caller` that gives the lock's id is shown as its owner. */
struct stat attr_of_entry(const struct mount *mount, const struct node *node, const struct entry *entry,
                          const struct fuse_ctx *caller);

/*
 * The type (S_IFREG, S_IFLNK or S_IFDIR) of a lock of this form, as the node shows it or the directory of a name. A node that
 * was opened, or made by opening, stays a file, whatever has the key now: a node never changes its type. FORM_UNKNOWN: 0.
 */
mode_t attr_type(const struct mount *mount, const struct node *node, enum lock_form form);

/* Does mkdir(2) acquire in this directory? */
bool attr_shows_lock_dirs(const struct mount *mount, const struct node *dir);

/* Is the node the root, `.with` or the root of a view? Their attributes need no backend. */
bool attr_is_fixed(const struct node *node);
struct stat attr_of_fixed(const struct mount *mount, const struct node *node);

/* Attributes of a free lock, or of a holding that has ended, seen through a descriptor. */
struct stat attr_of_ended(const struct node *node);

/* How many seconds the kernel may cache the attributes of this node: 0 for locks, which expire and other mounts change. */
double attr_timeout(const struct node *node);

#endif
