/*
 * Puts the filesystem in its place and takes it away from there.
 *
 * A path that was a lock directory must never show the plain directory beneath while one daemon
 * follows another: a file that is created there looks like a lock that was taken. So the new mount is
 * made where nobody sees it, and put below the dead one, or above it, before that goes.
 *
 * Of several daemons that mount on one path at a time, the one whose mount is the lowest stays.
 * The kernel orders them, and each looks before it serves anybody. A lock file would not do,
 * because whoever may open it could hold it for ever.
 */
#ifndef FS_START_MOUNTING_ATTACH_H
#define FS_START_MOUNTING_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

struct attachment;
struct fuse_session;
struct options;

/* Reads the options that the kernel gets, before libfuse takes them. Returns NULL after logging a line. */
struct attachment *attach_new(const struct options *options);

/* Makes the mount, so that `fuse` has a device to read from. Returns 0, or -1 after logging a line. */
int attach_make(struct attachment *attachment, struct fuse_session *fuse);

/*
 * Shows the mount at the mount point. To be called once the kernel has been answered, so that nothing
 * else can fail. Returns 0, or -1 after logging a line; then nothing may be served.
 */
int attach_show(struct attachment *attachment);

/* Did the mount replace that of a daemon that died? Then nothing may take it away but an end that is asked for. */
bool attach_replaced(const struct attachment *attachment);

/* The number of the mounted filesystem, which is that of its connection; 0: it was not told. */
dev_t attach_filesystem(const struct attachment *attachment);

/* Unmounts. Callers who still wait for an answer get an error at once. */
void attach_end(struct attachment *attachment);

void attach_free(struct attachment *attachment);

#endif
