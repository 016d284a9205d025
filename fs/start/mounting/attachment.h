/*
 * Internal to fs/start/mounting: struct attachment, shared by attach.c and the two ways to mount
 * (by_syscalls.c and by_path.c), and the steps that both ways take.
 */
#ifndef FS_START_MOUNTING_ATTACHMENT_H
#define FS_START_MOUNTING_ATTACHMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/start/mounting/kernel_options.h"

struct fuse_session;
struct mount_entry;
struct mount_table;
struct options;

/* Tries before giving up if other daemons keep changing the mounts on the path. */
#define ATTEMPTS 16

struct attachment {
	const struct options *options;
	struct kernel_options kernel;
	struct fuse_session *fuse;
	bool by_path;     /* mounted by libfuse and fusermount3, because this process may not mount */
	bool replaced;    /* the mount replaced a dead one */
	int device;       /* descriptor of /dev/fuse, closed by libfuse; -1 if not open */
	int mount;        /* descriptor of the mount until it is visible, else -1 */
	int dead;         /* descriptor of the dead mount that ours stands on, else -1 */
	int placeholder;  /* descriptor that takes the device's number when the device is closed, else -1 */
	dev_t filesystem; /* device number of the mounted filesystem; 0 if it is not attached or unknown */
};

/* Does our mount stand on a lockfs mount other than the dead one (`dead_id`, -1: none)? Then that mount wins. */
bool attachment_is_second(const struct mount_table *table, const struct mount_entry *ours, int dead_id);

/* Checks that nobody made files in the directory just before the mount covered it. Returns 0, or -1 after logging a line. */
int attachment_check_covered(const struct attachment *attachment, int directory);

/*
 * Unmounts our mount, if it is still on top of the path. The path may lead to another daemon's mount by now,
 * because ours can be unmounted (lazily) while files are open.
 */
void attachment_unmount(const struct attachment *attachment);

/*
 * Closes the device, which aborts the requests of waiting callers. The descriptor's number stays taken by the placeholder
 * until libfuse closes it; closing the placeholder unmounts nothing.
 */
void attachment_close_device(const struct attachment *attachment);

/*
 * In by_syscalls.c: makes a detached mount from the filesystem context `context` (fsopen(2)), which is closed; makes it
 * visible. Both return 0, or a negative value after logging a line.
 */
int attachment_make_by_syscalls(struct attachment *attachment, int context);
int attachment_show_by_syscalls(struct attachment *attachment);

/* In by_path.c: mounts on the path by libfuse. Returns 0, or -1 after logging a line. */
int attachment_make_by_path(struct attachment *attachment);

#endif
