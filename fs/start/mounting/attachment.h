/* What attach.c and the two ways to mount share: struct attachment, and what both do with it. */
#ifndef FS_START_MOUNTING_ATTACHMENT_H
#define FS_START_MOUNTING_ATTACHMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/start/mounting/kernel_options.h"

struct fuse_session;
struct mount_entry;
struct mount_table;
struct options;

/* So often another daemon may change what is on the path while we look at it. */
#define ATTEMPTS 16

struct attachment {
	const struct options *options;
	struct kernel_options kernel;
	struct fuse_session *fuse;
	bool by_libfuse; /* because we may not mount */
	bool replaced;   /* a dead mount */
	int device;      /* /dev/fuse, which libfuse closes; -1: none */
	int mount;       /* the mount while nobody sees it, else -1 */
	int dead;        /* the dead mount that ours stands on, else -1 */
	int nowhere;     /* takes the device's place when that is closed, else -1 */
	dev_t filesystem; /* number of the mounted filesystem; 0: it is not in its place */
};

/* Does our mount stand on a lockfs mount other than the dead one? Then that one was first. */
bool attachment_is_second(const struct mount_table *table, const struct mount_entry *ours, int dead_id);

/* If others made files in the directory just before it was covered, it was not empty. */
int attachment_check_covered(const struct attachment *attachment, int directory);

/* The path may lead to the mount of another daemon by now, as ours can be unmounted while files are open. */
void attachment_unmount(const struct attachment *attachment);

/* Ends the waiting of callers. The number stays in use until libfuse closes it, which unmounts nothing. */
void attachment_close_device(const struct attachment *attachment);

/* by_syscalls.c: makes a mount that nobody sees, and shows it. */
int attachment_make_by_syscalls(struct attachment *attachment, int context);
int attachment_show_by_syscalls(struct attachment *attachment);

/* by_path.c: mounts by libfuse and fusermount3. */
int attachment_make_by_path(struct attachment *attachment);

#endif
