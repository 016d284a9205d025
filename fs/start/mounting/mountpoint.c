/* Checks of MOUNTPOINT before it is mounted on. Nothing here changes the path except mountpoint_open() with `may_remove`. */
#include "fs/start/mounting/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/options.h"
#include "fs/start/mounting/dead_mount.h"
#include "fs/start/mounting/mount_table.h"
#include "fs/util/log.h"

/*
 * Returns the absolute path without symbolic links, to be freed. realpath(3) fails on the last component if
 * that is a dead mount; then the parent is resolved and the name appended to it.
 */
static char *resolve(const char *path)
{
	char parent[PATH_MAX];
	char *whole = realpath(path, NULL);
	char *resolved_parent;
	const char *name;
	size_t length = strlen(path);

	if (whole || !dead_mount_error(errno))
		return whole;
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(parent, path, length);
	parent[length] = '\0';

	char *slash = strrchr(parent, '/');
	name = path + (slash ? slash + 1 - parent : 0);
	if (slash)
		slash[slash == parent] = '\0';
	resolved_parent = realpath(slash ? parent : ".", NULL);
	if (!resolved_parent)
		return NULL;
	length -= (size_t)(name - path);
	if (asprintf(&whole, "%s/%.*s", strcmp(resolved_parent, "/") ? resolved_parent : "", (int)length, name) < 0)
		whole = NULL;
	free(resolved_parent);
	return whole;
}

bool mountpoint_has_files(int fd)
{
	int dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	const struct dirent *entry;
	bool found = false;

	if (!dir) {
		if (dir_fd >= 0)
			close(dir_fd);
		return false; /* a directory that the daemon cannot read is not refused for its content */
	}
	while (!found && (entry = readdir(dir)))
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return found;
}

/* Does the path lead to a mount other than `id`? Then that mount was removed. */
static bool leads_elsewhere(const char *path, int id)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	bool elsewhere = fd < 0 || mount_id(fd) != id;

	if (fd >= 0)
		close(fd);
	return elsewhere;
}

/*
 * Sets the state of the mount or directory open as `fd`, and whether it stands on another lockfs mount.
 * Returns 0 or a negative errno; -EAGAIN: it is not on the path any more.
 */
static int read_state(const char *path, int fd, enum mountpoint_state *ret_state, bool *ret_stacked)
{
	struct mount_table table;
	const struct mount_entry *top, *below;
	int id = mount_id(fd);
	int err = id < 0 ? id : mount_table_read(&table, path);

	if (err < 0)
		return err;
	*ret_state = MOUNTPOINT_FREE;
	*ret_stacked = false;
	top = mount_table_find(&table, id);
	if (!top)
		return leads_elsewhere(path, id) ? -EAGAIN : 0;
	if (!top->is_lockfs)
		return 0;
	*ret_state = dead_mount_is_dead(fd) ? MOUNTPOINT_DEAD : MOUNTPOINT_LIVE;
	below = mount_table_below(&table, top);
	*ret_stacked = below && below->is_lockfs;
	return 0;
}

/* Opens the topmost mount or directory at the path. Returns a descriptor or a negative errno. */
static int open_top(const char *path, enum mountpoint_state *ret_state, bool *ret_stacked)
{
	int err = -EAGAIN;

	for (int i = 0; i < MOUNT_TABLE_MAX && err == -EAGAIN; i++) {
		int fd = open(path, O_PATH | O_CLOEXEC);

		err = fd < 0 ? -errno : read_state(path, fd, ret_state, ret_stacked);
		if (err == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return err;
}

static void log_unreadable(const char *path, int err)
{
	log_line(LOG_ERR, "mount point %s: cannot see what is mounted there: %s; is /proc mounted?", path,
		strerror(-err));
}

int mountpoint_open(const char *path, bool may_remove, enum mountpoint_state *ret_state)
{
	/* Each round removes one mount; other daemons may add mounts meanwhile. */
	for (int i = 0; i < MOUNT_TABLE_MAX; i++) {
		bool stacked = false;
		int fd = open_top(path, ret_state, &stacked);
		int err;

		if (fd < 0) {
			log_unreadable(path, fd);
			return -1;
		}
		if (*ret_state != MOUNTPOINT_DEAD || !stacked || !may_remove)
			return fd;
		err = dead_mount_remove(path, fd);
		close(fd);
		if (err < 0)
			return -1;
	}
	log_line(LOG_ERR, "%s has too many mounts, one on another: unmount them with `fusermount3 -u %s`", path, path);
	return -1;
}

void mountpoint_refuse(const char *path)
{
	log_line(LOG_ERR, "%s is a lockfs mount already: use it, or unmount it first with `fusermount3 -u %s`", path,
		path);
}

void mountpoint_refuse_turn(const char *path)
{
	log_line(LOG_ERR,
		"%s is a mount whose daemon died, and another lockfs may be mounting there: try again, or unmount it "
		"first with `fusermount3 -u %s`",
		path, path);
}

/*
 * With auto_unmount the directory is uncovered when the daemon dies. If a user could create files in it, they would look like
 * locks. A writable directory is therefore refused, unless it is read-only or immutable even for this process.
 */
static int check_auto_unmount(const char *path, int fd, const struct stat *dir)
{
	bool no_access = faccessat(fd, ".", W_OK, 0) < 0;

	if (no_access && (errno != EACCES || (dir->st_mode & 0222) == 0))
		return 0;
	log_line(LOG_ERR,
		"auto_unmount is refused: if the daemon died, files made in %s would look like locks; "
		"leave the option out, or make the directory immutable first (chattr +i)",
		path);
	return -1;
}

static int check_free(const char *path, int fd, const struct options *options)
{
	struct stat dir;

	if (fstat(fd, &dir) < 0) {
		log_line(LOG_ERR, "mount point %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(dir.st_mode)) {
		log_line(LOG_ERR, "mount point %s is not a directory", path);
		return -1;
	}
	if (mountpoint_has_files(fd)) {
		log_line(LOG_ERR, "mount point %s is not empty: choose an empty directory", path);
		return -1;
	}
	return options->auto_unmount ? check_auto_unmount(path, fd, &dir) : 0;
}

/*
 * With auto_unmount a dead mount is not replaced: the directory beneath would have to be checked by check_auto_unmount(), and
 * cannot be seen before the user has unmounted.
 */
static int check_dead(const char *path, const struct options *options)
{
	if (!options->auto_unmount)
		return 0;
	log_line(LOG_ERR,
		"%s is a mount whose daemon died, and with auto_unmount it is not replaced: unmount it first with "
		"`fusermount3 -u %s`",
		path, path);
	return -1;
}

int mountpoint_check(const char *path, int fd, const struct options *options, enum mountpoint_state state)
{
	switch (state) {
	case MOUNTPOINT_DEAD:
		return check_dead(path, options);
	case MOUNTPOINT_LIVE:
		mountpoint_refuse(path);
		return -1;
	default:
		return check_free(path, fd, options);
	}
}

/* An early check, before the backend is reached: it changes nothing. */
static int check_now(const char *path, const struct options *options)
{
	enum mountpoint_state state = MOUNTPOINT_FREE;
	bool stacked;
	int fd = open_top(path, &state, &stacked);
	int err;

	if (fd < 0) {
		log_unreadable(path, fd);
		return -1;
	}
	err = mountpoint_check(path, fd, options, state);
	close(fd);
	return err;
}

int mountpoint_prepare(struct options *options)
{
	char *path = resolve(options->mountpoint);

	if (!path) {
		if (errno == ENOENT)
			log_line(LOG_ERR, "mount point %s does not exist: make it with `mkdir -p %s`",
				options->mountpoint, options->mountpoint);
		else
			log_line(LOG_ERR, "mount point %s: %s", options->mountpoint, strerror(errno));
		return -1;
	}
	free(options->mountpoint);
	options->mountpoint = path;
	return check_now(path, options);
}
