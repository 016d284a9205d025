/* Checks MOUNTPOINT: is it an empty directory that may be mounted on, and what is mounted there already? */
#ifndef FS_START_MOUNTING_MOUNTPOINT_H
#define FS_START_MOUNTING_MOUNTPOINT_H

#include <stdbool.h>

struct options;

enum mountpoint_state {
	MOUNTPOINT_FREE, /* a directory */
	MOUNTPOINT_DEAD, /* a lockfs mount whose daemon died */
	MOUNTPOINT_LIVE, /* a lockfs mount that is served, or is about to be */
};

/* Makes options->mountpoint absolute and checks it. Returns 0, or -1 after logging a line that says what to do. */
int mountpoint_prepare(struct options *options);

/*
 * Opens the topmost mount or directory at `path` and sets its state. O_PATH is used, so that no daemon is asked.
 * With `may_remove`, dead mounts that stand on another lockfs mount are removed first, so that at most one
 * is left. Returns a descriptor, or -1 after logging a line.
 */
int mountpoint_open(const char *path, bool may_remove, enum mountpoint_state *ret_state);

/* Logs that the path is a lockfs mount already. */
void mountpoint_refuse(const char *path);

/* Logs that a dead mount was left alone because another daemon may be replacing it. */
void mountpoint_refuse_turn(const char *path);

/* Does the directory contain anything? False if it cannot be read. */
bool mountpoint_has_files(int fd);

/*
 * Checks that the mount or directory open as `fd` may be mounted on: it is not a live lockfs mount; a directory is empty;
 * with auto_unmount nobody can write to the directory, because that option uncovers it.
 * Returns 0, or -1 after logging a line that says what to do.
 */
int mountpoint_check(const char *path, int fd, const struct options *options, enum mountpoint_state state);

#endif
