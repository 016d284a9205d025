/* Is MOUNTPOINT a directory that may be covered by locks? */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include "fs/options.h"

/* Both return 0, or -1 after logging a line that says what to do. */

/* Makes options->mountpoint absolute and checks it. */
int mountpoint_prepare(struct options *options);

/*
 * Takes away a dead lockfs mount that is there. To be called when nothing else can
 * fail any more before the new one, so that the directory beneath is hardly ever seen.
 */
int mountpoint_uncover(const struct options *options);

#endif
