/* Removes dead mounts without ever removing a live one that was put on top meanwhile. */
#include "fs/start/mounting/dead_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/start/mounting/mount_table.h"
#include "fs/start/process/descriptors.h"
#include "fs/util/log.h"

/* Attempts to unmount a mount that other processes use: 20, with pauses of 5 ms. */
#define UNUSED_ATTEMPTS 20
#define UNUSED_PAUSE_MS 5

bool dead_mount_error(int error)
{
	return error == ENOTCONN || error == ECONNABORTED;
}

bool dead_mount_is_dead(int fd)
{
	int dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return dead_mount_error(errno);
	close(dir_fd);
	return false;
}

int unmount_by_fusermount(const char *path)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (child == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", path, (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static bool is_mounted_still(const char *path, int id)
{
	struct mount_table table;

	return id < 0 || mount_table_read(&table, path) < 0 || mount_table_find(&table, id);
}

/* Does another mount stand on this one? Then unmounting would remove that instead. */
static bool is_covered(const char *path, int id)
{
	const struct mount_entry *entry;
	struct mount_table table;

	if (mount_table_read(&table, path) < 0)
		return true;
	entry = mount_table_find(&table, id);
	return entry && mount_table_above(&table, entry);
}

/* fusermount3, used if this process may not unmount, removes the topmost mount; which one that was is checked afterwards. */
int dead_mount_remove(const char *path, int fd)
{
	int id = mount_id(fd);
	int err;

	if (is_covered(path, id))
		return 0;
	err = mount_detach(fd);
	if (err == -EPERM) {
		unmount_by_fusermount(path);
		err = is_mounted_still(path, id) ? -EPERM : 0;
	}
	if (err == 0 || !is_mounted_still(path, id))
		return 0;
	log_line(LOG_ERR, "%s is a mount whose daemon died, and it cannot be unmounted (%s): try `fusermount3 -u %s`",
		path, strerror(-err), path);
	return -1;
}

/*
 * One attempt of dead_mount_remove_unused(). umount(2) acts on the topmost mount, which may be a new one by then.
 * With MNT_EXPIRE the first call only marks the topmost mount, and the second call unmounts only a mount that is
 * marked, has not been used since and has no mount on it (umount(2)). The mount table is read between the calls; a mount
 * added after that is not marked. Returns false if another attempt is needed.
 */
static bool expire(const char *name, const char *path, int id)
{
	if (umount2(name, MNT_EXPIRE | UMOUNT_NOFOLLOW) < 0 && errno != EAGAIN)
		return errno != EBUSY;
	if (!is_mounted_still(path, id) || is_covered(path, id))
		return true;
	return umount2(name, MNT_EXPIRE | UMOUNT_NOFOLLOW) == 0 || (errno != EAGAIN && errno != EBUSY);
}

void dead_mount_remove_unused(const char *path, int fd)
{
	const struct timespec pause = { .tv_nsec = UNUSED_PAUSE_MS * 1000000L };
	const char *slash = strrchr(path, '/');
	int id = mount_id(fd);
	char name[64 + NAME_MAX];
	/* By this descriptor the parent directory cannot be exchanged; a name in it cannot be renamed while it is a mount point. */
	int parent = mount_open_parent(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool done = parent < 0;

	if (!done)
		snprintf(name, sizeof(name), "/proc/self/fd/%d/%s", parent, slash + 1);
	for (int i = 0; i < UNUSED_ATTEMPTS && !done; i++) {
		if (i > 0) {
			nanosleep(&pause, NULL);
			fd = openat(parent, slash + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
			if (fd < 0)
				break;
		}
		done = mount_id(fd) != id || is_covered(path, id) || !dead_mount_is_dead(fd);
		/* An open descriptor counts as a use of the mount. */
		descriptor_close(&fd);
		done = done || expire(name, path, id);
	}
	descriptor_close(&fd);
	descriptor_close(&parent);
}
