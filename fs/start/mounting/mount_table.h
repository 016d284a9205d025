/*
 * The mounts on one path, read from /proc/self/mountinfo. Reading it sends no request to a daemon, so it
 * works while the path's daemon is dead or does not serve yet.
 */
#ifndef FS_START_MOUNTING_MOUNT_TABLE_H
#define FS_START_MOUNTING_MOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { MOUNT_TABLE_MAX = 64 };

struct mount_entry {
	int id;          /* unique among the mounts that exist at one time */
	int parent;      /* id of the mount that this one stands on */
	dev_t device;    /* device number of the filesystem; unique while the filesystem exists */
	bool is_lockfs;
};

struct mount_table {
	size_t count;
	struct mount_entry entries[MOUNT_TABLE_MAX];
};

/* Reads the mounts on `path`, which is absolute and has no symbolic links. Returns 0 or a negative errno. */
int mount_table_read(struct mount_table *table, const char *path);

/* The mount with this id, or NULL if it is not on the path. */
const struct mount_entry *mount_table_find(const struct mount_table *table, int id);

/* The mount on the same path that `entry` stands on, or NULL if `entry` is the lowest one. */
const struct mount_entry *mount_table_below(const struct mount_table *table, const struct mount_entry *entry);

/* The number in the line `name:` of a descriptor's /proc/self/fdinfo/FD, or a negative errno. */
long mount_fdinfo(int fd, const char *name);

/* The id of the mount in which a descriptor is, or a negative errno. */
int mount_id(int fd);

/* The mount that stands on `entry` on the same path, or NULL if `entry` is on top. */
const struct mount_entry *mount_table_above(const struct mount_table *table, const struct mount_entry *entry);

/*
 * Unmounts the mount of a descriptor lazily (MNT_DETACH), or the topmost mount that stands on it if there is one; never
 * one below. Returns 0 or a negative errno.
 */
int mount_detach(int fd);

/* Opens the parent directory of an absolute path, with flags of open(2). Returns a descriptor or -1. */
int mount_open_parent(const char *path, int flags);

#endif
