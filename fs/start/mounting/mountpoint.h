/* Is MOUNTPOINT a directory that may be covered by locks, and what covers it already? */
#ifndef FS_START_MOUNTING_MOUNTPOINT_H
#define FS_START_MOUNTING_MOUNTPOINT_H

#include <stdbool.h>

struct options;

enum mountpoint_state {
	MOUNTPOINT_FREE, /* a directory */
	MOUNTPOINT_DEAD, /* a lockfs mount whose daemon died */
	MOUNTPOINT_LIVE, /* a lockfs mount that is served, or will be */
};

/* Makes options->mountpoint absolute and checks it. Returns 0, or -1 after logging a line that says what to do. */
int mountpoint_prepare(struct options *options);

/*
 * Opens what is on top of `path`, which asks no daemon, and tells what it is. With `may_remove`,
 * dead mounts that stand on another lockfs mount are taken away first, so that there is at most one.
 * Returns a descriptor, or -1 after logging a line.
 */
int mountpoint_open(const char *path, bool may_remove, enum mountpoint_state *ret_state);

/* Logs that there is a mount already. */
void mountpoint_refuse(const char *path);

/* Logs that a dead mount stays, as another daemon may be replacing it. */
void mountpoint_refuse_turn(const char *path);

/* Whether there are files in a directory; if it may not be read, there are none. */
bool mountpoint_has_files(int fd);

/*
 * May what is open as `fd` be mounted on? A lockfs mount that lives may not. A directory is empty, and nobody
 * can write to it where `auto_unmount` will uncover it. Returns 0, or -1 after logging a line that says what to do.
 */
int mountpoint_check(const char *path, int fd, const struct options *options, enum mountpoint_state state);

#endif
