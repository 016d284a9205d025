/* Mounts whose daemon has died: what they answer, and how they are taken away. */
#ifndef FS_START_MOUNTING_DEAD_MOUNT_H
#define FS_START_MOUNTING_DEAD_MOUNT_H

#include <stdbool.h>

/* What a mount answers whose daemon has died: the second to who had asked before that. */
bool dead_mount_says(int error);

/* Opening for reading asks the daemon, where stat(2) may be answered from what the kernel remembers. */
bool dead_mount_is_dead(int fd);

/*
 * Takes a dead mount away, of which `fd` is a descriptor, unless another mount stands on it.
 * Returns 0, also where that is to be looked at again, or -1 after logging a line.
 */
int dead_mount_remove(const char *path, int fd);

/* Unmounts what is on top of `path` by fusermount3, for a user who may not unmount. Returns 0 or -1. */
int unmount_as_user(const char *path);

/*
 * Takes a dead mount away, of which `fd` is a descriptor that this closes, if no process uses the
 * mount and no mount stands on it. It stays if it is in use for longer than some 100 ms.
 */
void dead_mount_remove_unused(const char *path, int fd);

#endif
