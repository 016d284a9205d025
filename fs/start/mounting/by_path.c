/*
 * Mounts by libfuse and its setuid helper fusermount3, for users who may not mount, for auto_unmount and for old kernels.
 * Both know a mount only by its path, so lockfs daemons that mount below one directory take turns: a mount may
 * be unmounted by its path only during one's turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fs/options.h"
#include "fs/start/mounting/attachment.h"
#include "fs/start/mounting/dead_mount.h"
#include "fs/start/mounting/mount_table.h"
#include "fs/start/mounting/mountpoint.h"
#include "fs/start/process/descriptors.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"

#define TURN_WAIT_MS 2000 /* how long a daemon waits for another one that is mounting */
#define TURN_POLL_MS 10

/*
 * Waits for our turn among the daemons that mount below one directory, by flock(2) on that directory. Any user who may
 * read the directory can hold that lock, so waiting is bounded. Returns a descriptor to be closed after the turn, or -1
 * if we did not get a turn. Without a turn nothing may be unmounted by its path, as another daemon may just have mounted.
 */
static int wait_for_turn(const char *path)
{
	const struct timespec pause = { .tv_nsec = TURN_POLL_MS * 1000000L };
	int fd = mount_open_parent(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	bool has_turn = false;

	for (int waited = 0; fd >= 0 && !has_turn && waited < TURN_WAIT_MS; waited += TURN_POLL_MS) {
		has_turn = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (!has_turn)
			nanosleep(&pause, NULL);
	}
	if (!has_turn)
		descriptor_close(&fd);
	return fd;
}

/* The device number of our filesystem, read from the device's fdinfo. 0 if the kernel has no such field (Linux 6.1; 6.18 has it). */
static dev_t filesystem_of(int device)
{
	long number = mount_fdinfo(device, "fuse_connection");

	return number > 0 ? makedev(0, (unsigned int)number) : 0;
}

/*
 * Is ours the lowest lockfs mount on the path? False if it cannot be told from another daemon's mount.
 * Sets attachment->filesystem.
 */
static bool is_lowest(struct attachment *attachment)
{
	dev_t filesystem = filesystem_of(attachment->device);
	const struct mount_entry *ours = NULL, *other = NULL;
	struct mount_table table;
	size_t others = 0;

	if (mount_table_read(&table, attachment->options->mountpoint) < 0)
		return false;
	for (size_t i = 0; i < table.count; i++) {
		if (table.entries[i].is_lockfs && table.entries[i].device == filesystem) {
			ours = &table.entries[i];
		} else if (table.entries[i].is_lockfs) {
			other = &table.entries[i];
			others++;
		}
	}
	if (!ours && others == 1 && filesystem == 0)
		ours = other;
	attachment->filesystem = ours ? ours->device : filesystem;
	return ours && !attachment_is_second(&table, ours, -1);
}

/* Between removing the dead mount and mounting, users who may write to the directory could create files there as if they were locks. */
static void warn_of_files(const char *path, int directory)
{
	if (mountpoint_has_files(directory))
		log_line(LOG_WARNING,
			"while the mount of the dead daemon on %s was replaced, files were made in the directory beneath. "
			"They are no locks, and are hidden now: stop who made them, unmount, remove them, and close the "
			"directory to writing before you mount again",
			path);
}

/* Removes dead mounts, if it is our turn. Returns a descriptor of the directory, or -1 after logging a line. */
static int uncover(const struct attachment *attachment, bool has_turn, bool *ret_was_dead)
{
	const char *path = attachment->options->mountpoint;
	enum mountpoint_state state;
	int fd;

	*ret_was_dead = false;
	for (int i = 0; i < ATTEMPTS; i++) {
		fd = mountpoint_open(path, has_turn, &state);
		if (fd < 0)
			return -1;
		if (*ret_was_dead && state == MOUNTPOINT_FREE)
			return fd;
		if (mountpoint_check(path, fd, attachment->options, state) < 0)
			break;
		if (state == MOUNTPOINT_FREE)
			return fd;
		if (!has_turn) {
			mountpoint_refuse_turn(path);
			break;
		}
		*ret_was_dead = true;
		if (dead_mount_remove(path, fd) < 0)
			break;
		descriptor_close(&fd);
		if (i == ATTEMPTS - 1)
			mountpoint_refuse_turn(path);
	}
	descriptor_close(&fd);
	return -1;
}

/*
 * Removes our mount, on which nobody was served. If it is not on top, or cannot be told from other mounts, closing its
 * device makes it a dead mount. Dead mounts are then removed if it is our turn; a live mount never is.
 */
static void back_out_by_path(const struct attachment *attachment, bool has_turn)
{
	const char *path = attachment->options->mountpoint;
	enum mountpoint_state state;
	int fd;

	attachment_unmount(attachment);
	attachment_close_device(attachment);
	if (!has_turn)
		return;
	fd = mountpoint_open(path, true, &state);
	if (fd >= 0 && state == MOUNTPOINT_DEAD && !attachment->filesystem)
		dead_mount_remove(path, fd);
	descriptor_close(&fd);
}

/* Mounts on the path. Returns 0, or -1 after logging a line. */
static int mount_by_path(struct attachment *attachment, bool has_turn)
{
	const char *path = attachment->options->mountpoint;
	bool was_dead;
	int directory = uncover(attachment, has_turn, &was_dead);
	int err = -1;

	if (directory < 0)
		return -1;
	if (fuse_session_mount(attachment->fuse, path) < 0) {
		fuse_log_complain("mount", path);
	} else {
		attachment->device = fuse_session_fd(attachment->fuse);
		if (!is_lowest(attachment))
			mountpoint_refuse(path);
		else if (was_dead || attachment_check_covered(attachment, directory) == 0)
			err = 0;
		if (err < 0)
			back_out_by_path(attachment, has_turn);
		else if (was_dead)
			warn_of_files(path, directory);
		attachment->replaced = was_dead;
	}
	close(directory);
	return err;
}

/*
 * At the end libfuse unmounts whatever is on the path, unless polling the device reports POLLERR (fuse_kern_unmount() in
 * libfuse). The write end of a pipe without a reader reports POLLERR, so it is the placeholder of the device.
 * Returns 0, or -1 after logging a line.
 */
static int make_placeholder(struct attachment *attachment)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		log_line(LOG_ERR, "cannot mount %s: %s", attachment->options->mountpoint, strerror(errno));
		return -1;
	}
	close(ends[0]);
	attachment->placeholder = ends[1];
	return 0;
}

int attachment_make_by_path(struct attachment *attachment)
{
	int turn, err;

	if (make_placeholder(attachment) < 0)
		return -1;
	attachment->by_path = true;
	turn = wait_for_turn(attachment->options->mountpoint);
	err = mount_by_path(attachment, turn >= 0);
	descriptor_close(&turn);
	return err;
}
