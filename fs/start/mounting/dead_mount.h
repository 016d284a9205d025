/*
 * Mounts whose daemon has died: recognising and removing them. umount(2) and fusermount3 act on the topmost mount of a
 * path, so each removal checks by mount id that no other mount was removed or is on top.
 */
#ifndef FS_START_MOUNTING_DEAD_MOUNT_H
#define FS_START_MOUNTING_DEAD_MOUNT_H

#include <stdbool.h>

/* Is this errno that of a dead mount? ENOTCONN for new requests, ECONNABORTED for one that waited when the daemon died. */
bool dead_mount_error(int error);

/* Is the mount of this descriptor dead? Opens the root for reading, because stat(2) may be answered from the kernel's cache. */
bool dead_mount_is_dead(int fd);

/*
 * Removes a dead mount, of which `fd` is a descriptor, unless another mount stands on it. Returns 0, also if another
 * mount does (the caller then reads the state of the path again), or -1 after logging a line.
 */
int dead_mount_remove(const char *path, int fd);

/* Unmounts what is on top of `path` by fusermount3, for a user who may not unmount. Returns 0 or -1. */
int unmount_by_fusermount(const char *path);

/*
 * Removes a dead mount, of which `fd` is a descriptor that this closes, if no process uses the mount and no mount
 * stands on it. Waits up to 100 ms for the last user, and then leaves the mount.
 */
void dead_mount_remove_unused(const char *path, int fd);

#endif
