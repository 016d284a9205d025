/*
 * Mounts the filesystem on the mount point, and unmounts it.
 *
 * While one daemon replaces another, the path must never show the plain directory beneath: a file
 * created there would look like an acquired lock. So the new mount is made detached (visible nowhere),
 * then attached below or above the dead mount, and only then is the dead mount removed.
 *
 * If several daemons mount on one path at once, the one with the lowest mount wins. The kernel orders the
 * mounts, and each daemon checks the order before it serves anybody. A lock file would not do, because
 * any user who may open it could hold it for ever.
 */
#ifndef FS_START_MOUNTING_ATTACH_H
#define FS_START_MOUNTING_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

struct attachment;
struct fuse_session;
struct options;

/*
 * Reads the mount options of the kernel, before libfuse removes them from the arguments.
 * Returns NULL after logging a line.
 */
struct attachment *attach_new(const struct options *options);

/* Makes the mount and gives `fuse` the device to read requests from. Returns 0, or -1 after logging a line. */
int attach_make(struct attachment *attachment, struct fuse_session *fuse);

/*
 * Makes the mount visible at the mount point. Called after INIT has been answered, so that nothing
 * can fail afterwards. Returns 0, or -1 after logging a line; then no request may be served.
 */
int attach_show(struct attachment *attachment);

/* Did the mount replace a dead one? Then only a signal or an unmount may end it: its end would uncover the directory. */
bool attach_replaced(const struct attachment *attachment);

/* Device number of the mounted filesystem; its minor number names the FUSE connection. 0 if unknown. */
dev_t attach_filesystem(const struct attachment *attachment);

/* Unmounts. Callers that still wait for a reply get an error at once. */
void attach_end(struct attachment *attachment);

void attach_free(struct attachment *attachment);

#endif
