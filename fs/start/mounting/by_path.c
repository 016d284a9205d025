/* Mounting by libfuse and fusermount3, which know no more than a path. */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
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

/* How long a user's daemon waits for another that is mounting. */
#define TURN_WAIT_MS 2000
#define TURN_POLL_MS 10

/*
 * Waits for our turn among the daemons that mount below one directory. Anybody who may read that can keep us
 * waiting, so that has an end. Returns a descriptor to be closed after the turn, or -1 if we did not get it. Then
 * nothing may be unmounted by its path, as another daemon may just have mounted there.
 */
static int wait_for_turn(const char *path)
{
	const struct timespec pause = { .tv_nsec = TURN_POLL_MS * 1000000L };
	char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int fd = -1;
	bool has_turn = false;

	if (slash) {
		slash[slash == parent] = '\0';
		fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	}
	free(parent);
	for (int waited = 0; fd >= 0 && !has_turn && waited < TURN_WAIT_MS; waited += TURN_POLL_MS) {
		has_turn = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (!has_turn)
			nanosleep(&pause, NULL);
	}
	if (!has_turn)
		descriptor_close(&fd);
	return fd;
}

/* The number of our filesystem, or 0 where the kernel does not tell it of the device (Linux 6.18 does, 6.1 does not). */
static dev_t filesystem_of(int device)
{
	long number = mount_fdinfo(device, "fuse_connection");

	return number > 0 ? makedev(0, (unsigned int)number) : 0;
}

/* Is ours the lowest lockfs mount? If it cannot be told from another, it counts as second. Remembers which is ours. */
static bool is_first(struct attachment *attachment)
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

/* While nothing covered the directory, whoever could write to it may have taken its files for locks. */
static void warn_of_files(const char *path, int directory)
{
	if (mountpoint_has_files(directory))
		log_line(LOG_WARNING,
			"while the mount of the dead daemon on %s was replaced, files were made in the directory beneath. "
			"They are no locks, and are hidden now: stop who made them, unmount, remove them, and close the "
			"directory to writing before you mount again",
			path);
}

/* Takes dead mounts away, if it is our turn. Returns a descriptor of the directory, or -1 after logging a line. */
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
 * Takes our mount away, which nobody was served on. If it is not on top, or cannot be told from others, it is dead once
 * its device is closed, and stays where it is not our turn. Otherwise dead mounts are taken away, but never one that lives.
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
		if (!is_first(attachment))
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
 * libfuse would unmount what is on the path at the end, unless the descriptor says POLLERR (fuse_kern_unmount() in
 * libfuse), as a pipe does that nobody reads. Returns 0, or -1 after logging a line.
 */
static int make_nowhere(struct attachment *attachment)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		log_line(LOG_ERR, "cannot mount %s: %s", attachment->options->mountpoint, strerror(errno));
		return -1;
	}
	close(ends[0]);
	attachment->nowhere = ends[1];
	return 0;
}

int attachment_make_by_path(struct attachment *attachment)
{
	int turn, err;

	if (make_nowhere(attachment) < 0)
		return -1;
	attachment->by_libfuse = true;
	turn = wait_for_turn(attachment->options->mountpoint);
	err = mount_by_path(attachment, turn >= 0);
	descriptor_close(&turn);
	return err;
}
