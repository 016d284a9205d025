/*
 * The lockfs mounts of this machine, from the kernel's table: a mount whose daemon has died answers no question.
 * libmount has the same, but loading it and its libraries takes a fifth of the time of a whole `lockctl run`.
 */
#ifndef LOCKCTL_MOUNTINFO_H
#define LOCKCTL_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>

struct mount_entry {
	const char *device; /* major:minor */
	const char *root;   /* the part of the filesystem that is mounted */
	const char *dir;
	bool is_lockfs;
	struct mount_entry *next; /* mounted later */
};

/* Reads a line of /proc/self/mountinfo, which is changed. Returns false if it is none. */
bool mount_line_parse(char *line, struct mount_entry *ret);

/* All mounts in the order of mounting, or NULL if they cannot be read. Read once. */
const struct mount_entry *mount_table(void);

/* The mount that an absolute path is on. NULL if the table cannot be read. */
const struct mount_entry *mount_of(const char *path);

/* Where the whole filesystem of that mount is mounted; NULL if nowhere. */
const struct mount_entry *mount_of_whole(const struct mount_entry *entry);

/* The only lockfs of this machine; NULL if there are several or none. *ret_count is set to how many there are. */
const struct mount_entry *mount_single(size_t *ret_count);

#endif
