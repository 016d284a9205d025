/* Steps that both ways to mount take: who won, what was covered, unmounting, closing the device. */
#include "fs/start/mounting/attachment.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <unistd.h>

#include "fs/options.h"
#include "fs/start/mounting/dead_mount.h"
#include "fs/start/mounting/mount_table.h"
#include "fs/start/mounting/mountpoint.h"
#include "fs/start/process/descriptors.h"
#include "fs/util/log.h"

bool attachment_is_second(const struct mount_table *table, const struct mount_entry *ours, int dead_id)
{
	const struct mount_entry *below = mount_table_below(table, ours);

	for (; below; below = mount_table_below(table, below))
		if (below->is_lockfs && below->id != dead_id)
			return true;
	return false;
}

int attachment_check_covered(const struct attachment *attachment, int directory)
{
	if (!mountpoint_has_files(directory))
		return 0;
	log_line(LOG_ERR, "mount point %s is not empty, somebody made files there just now: choose an empty directory",
		attachment->options->mountpoint);
	return -1;
}

/*
 * Opens the mount on top of the path if it is ours; otherwise returns -1. No other filesystem gets the device number
 * of ours while ours exists.
 */
static int open_ours(const struct attachment *attachment)
{
	const char *path = attachment->options->mountpoint;
	int fd = open(path, O_PATH | O_CLOEXEC);
	const struct mount_entry *top;
	struct mount_table table;

	if (fd < 0)
		return -1;
	top = mount_table_read(&table, path) < 0 ? NULL : mount_table_find(&table, mount_id(fd));
	if (!top || top->device != attachment->filesystem)
		descriptor_close(&fd);
	return fd;
}

/* Does the FUSE connection still exist? /dev/fuse reports POLLERR once it was aborted or unmounted. */
static bool is_connected(int device)
{
	struct pollfd state = { .fd = device };

	return poll(&state, 1, 0) == 0 || !(state.revents & POLLERR);
}

void attachment_unmount(const struct attachment *attachment)
{
	int fd = attachment->filesystem && is_connected(attachment->device) ? open_ours(attachment) : -1;

	if (fd >= 0 && mount_detach(fd) == -EPERM)
		unmount_by_fusermount(attachment->options->mountpoint);
	descriptor_close(&fd);
}

void attachment_close_device(const struct attachment *attachment)
{
	dup2(attachment->placeholder, attachment->device);
	if (attachment->by_path)
		fuse_session_unmount(attachment->fuse);
}
