/* Is MOUNTPOINT a directory that may be covered by locks? */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include "fs/options.h"

/*
 * Makes options->mountpoint absolute and checks it; a dead lockfs mount there is
 * taken away first. Returns 0, or -1 after logging a line that says what to do.
 */
int mountpoint_prepare(struct options *options);

#endif
