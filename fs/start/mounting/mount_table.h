/*
 * What is mounted on one path, as /proc/self/mountinfo says. Reading it asks no daemon, so it
 * can be done where one is dead, or does not answer yet.
 */
#ifndef FS_START_MOUNTING_MOUNT_TABLE_H
#define FS_START_MOUNTING_MOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { MOUNT_TABLE_MAX = 64 };

struct mount_entry {
	int id;          /* unique among the mounts that exist now */
	int parent;      /* id of the mount that this one stands on */
	dev_t device;    /* of the filesystem; unique while that exists */
	bool is_lockfs;
};

struct mount_table {
	size_t count;
	struct mount_entry entries[MOUNT_TABLE_MAX];
};

/* Reads the mounts on `path`, which is absolute and without links. Returns 0 or a negative errno. */
int mount_table_read(struct mount_table *table, const char *path);

/* The mount with this id, or NULL where it is not on the path. */
const struct mount_entry *mount_table_find(const struct mount_table *table, int id);

/* The mount on the same path that `entry` stands on, or NULL where that is the plain directory. */
const struct mount_entry *mount_table_below(const struct mount_table *table, const struct mount_entry *entry);

/* A number that /proc/self/fdinfo has of a descriptor under `name`, or a negative errno. */
long mount_fdinfo(int fd, const char *name);

/* The id of the mount in which a descriptor is, or a negative errno. */
int mount_id(int fd);

/* The mount that stands on `entry` on the same path, or NULL where that is on top. */
const struct mount_entry *mount_table_above(const struct mount_table *table, const struct mount_entry *entry);

/* Takes the mount of a descriptor away, or one that was put on top of it; never one below. Returns 0 or a negative errno. */
int mount_detach(int fd);

#endif
