#include "fs/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/log.h"

#define OUR_TYPE "fuse.lockfs"

/* What a mount answers whose daemon has died: the second to who had asked before that. */
static bool says_dead(int error)
{
	return error == ENOTCONN || error == ECONNABORTED;
}

/*
 * The absolute path, also of a dead mount: there realpath(3) fails on the last
 * component, so it resolves the parent and the name is put behind it.
 */
static char *resolve(const char *path)
{
	char parent[PATH_MAX];
	char *whole = realpath(path, NULL);
	char *resolved_parent;
	const char *name;
	size_t length = strlen(path);

	if (whole || !says_dead(errno))
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

static bool is_lockfs_mount(const char *path)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;
	bool found = false;

	if (!mounts)
		return false;
	while ((entry = getmntent(mounts)))
		if (strcmp(entry->mnt_dir, path) == 0)
			found = strcmp(entry->mnt_type, OUR_TYPE) == 0; /* the last one is on top */
	endmntent(mounts);
	return found;
}

static bool is_empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (!dir)
		return true; /* what cannot be read is hidden from everybody, as it should be */
	while (empty && (entry = readdir(dir)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

/* Opening asks the daemon, where stat(2) may be answered from what the kernel remembers. */
static bool is_dead(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return says_dead(errno);
	close(fd);
	return false;
}

static bool is_dead_mount(const char *path)
{
	return is_lockfs_mount(path) && is_dead(path);
}

static int unmount_as_user(const char *path)
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

/* Takes away what a daemon left that died: it answers ENOTCONN to everything. */
static int remove_dead_mount(const char *path)
{
	if (umount2(path, MNT_DETACH) == 0 || unmount_as_user(path) == 0)
		return 0;
	log_line(LOG_ERR, "%s is a mount whose daemon died, and it cannot be unmounted: try `fusermount3 -u %s`",
		path, path);
	return -1;
}

/*
 * With auto_unmount a dead daemon uncovers the directory below. If a file could
 * be made there, that would look like taking a lock.
 */
static int check_auto_unmount(const char *path, const struct stat *dir)
{
	bool no_access = access(path, W_OK) < 0;

	if (no_access && (errno != EACCES || (dir->st_mode & 0222) == 0))
		return 0;
	log_line(LOG_ERR,
		"auto_unmount is refused: if the daemon died, files made in %s would look like locks; "
		"leave the option out, or make the directory immutable first (chattr +i)",
		path);
	return -1;
}

static int check_dir(const char *path, const struct options *options)
{
	struct stat dir;

	if (stat(path, &dir) < 0) {
		log_line(LOG_ERR, "mount point %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(dir.st_mode)) {
		log_line(LOG_ERR, "mount point %s is not a directory", path);
		return -1;
	}
	if (is_lockfs_mount(path)) {
		log_line(LOG_ERR, "%s is a lockfs mount already: use it, or unmount it first with `fusermount3 -u %s`",
			path, path);
		return -1;
	}
	if (!is_empty_dir(path)) {
		log_line(LOG_ERR, "mount point %s is not empty: choose an empty directory", path);
		return -1;
	}
	return options->auto_unmount ? check_auto_unmount(path, &dir) : 0;
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
	return is_dead_mount(path) ? 0 : check_dir(path, options);
}

int mountpoint_uncover(const struct options *options)
{
	const char *path = options->mountpoint;

	if (!is_dead_mount(path))
		return 0;
	return remove_dead_mount(path) < 0 ? -1 : check_dir(path, options);
}
