#include "fs/start/mounting/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fs/start/mounting/mount_table.h"
#include "fs/start/mounting/mountpoint.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"

/* linux/mount.h since Linux 6.5: the mount goes below the one on top. */
#define BENEATH 0x00000200

/* So often another daemon may change what is on the path while we look at it. */
#define ATTEMPTS 16

/* How long a user's daemon waits for another that is mounting. */
#define TURN_WAIT_MS 2000
#define TURN_POLL_MS 10

/* A flag of mount(8): an attribute of the mount, or a flag of the filesystem, or both. */
struct flag {
	const char *name;
	const char *filesystem;
	unsigned int attribute;
	bool on;
};

static const struct flag flags[] = {
	{ "rw", "ro", MOUNT_ATTR_RDONLY, false },
	{ "ro", "ro", MOUNT_ATTR_RDONLY, true },
	{ "suid", NULL, MOUNT_ATTR_NOSUID, false },
	{ "nosuid", NULL, MOUNT_ATTR_NOSUID, true },
	{ "dev", NULL, MOUNT_ATTR_NODEV, false },
	{ "nodev", NULL, MOUNT_ATTR_NODEV, true },
	{ "exec", NULL, MOUNT_ATTR_NOEXEC, false },
	{ "noexec", NULL, MOUNT_ATTR_NOEXEC, true },
	{ "atime", NULL, MOUNT_ATTR_NOATIME, false },
	{ "noatime", NULL, MOUNT_ATTR_NOATIME, true },
	{ "async", "sync", 0, false },
	{ "sync", "sync", 0, true },
	{ "dirsync", "dirsync", 0, true },
	{ "default_permissions", "default_permissions", 0, true },
	{ "allow_other", "allow_other", 0, true },
	/* libfuse has the kernel allow all, and refuses others itself. */
	{ "allow_root", "allow_other", 0, true },
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

struct kernel_options {
	char *source;
	char *subtype;
	unsigned int attributes;
	const char *filesystem[FLAG_COUNT]; /* flags that are set, else NULL */
};

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

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Options */

static void set_filesystem_flag(struct kernel_options *kernel, const struct flag *flag)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (flags[i].filesystem && strcmp(flags[i].filesystem, flag->filesystem) == 0) {
			kernel->filesystem[i] = flag->on ? flag->filesystem : NULL;
			return;
		}
	}
}

static int take_flag(void *data, const char *argument, int key, struct fuse_args *left)
{
	struct kernel_options *kernel = data;

	(void)left;
	if (key != FUSE_OPT_KEY_OPT)
		return 0;
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *flag = &flags[i];

		if (strcmp(argument, flag->name) != 0)
			continue;
		kernel->attributes = flag->on ? kernel->attributes | flag->attribute
		                              : kernel->attributes & ~flag->attribute;
		if (flag->filesystem)
			set_filesystem_flag(kernel, flag);
	}
	return 0;
}

/* `arguments` has been checked; what is not the kernel's is passed over. */
static int read_options(struct kernel_options *kernel, const struct fuse_args *arguments)
{
	static const struct fuse_opt table[] = {
		{ "fsname=%s", offsetof(struct kernel_options, source), 0 },
		{ "subtype=%s", offsetof(struct kernel_options, subtype), 0 },
		FUSE_OPT_END,
	};
	struct fuse_args copy = FUSE_ARGS_INIT(0, NULL);
	int err = 0;

	kernel->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	for (int i = 0; i < arguments->argc && err == 0; i++)
		err = fuse_opt_add_arg(&copy, arguments->argv[i]);
	if (err == 0)
		err = fuse_opt_parse(&copy, kernel, table, take_flag);
	fuse_opt_free_args(&copy);
	return err;
}

struct attachment *attach_new(const struct options *options)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		return NULL;
	}
	attachment->options = options;
	attachment->device = attachment->mount = attachment->dead = attachment->nowhere = -1;
	if (read_options(&attachment->kernel, &options->fuse) < 0) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		attach_free(attachment);
		return NULL;
	}
	return attachment;
}

void attach_free(struct attachment *attachment)
{
	close_fd(&attachment->mount);
	close_fd(&attachment->dead);
	close_fd(&attachment->nowhere);
	free(attachment->kernel.source);
	free(attachment->kernel.subtype);
	free(attachment);
}

/* The decision, of which both ways make use */

/* Does our mount stand on a lockfs mount other than the dead one? Then that one was first. */
static bool is_second(const struct mount_table *table, const struct mount_entry *ours, int dead_id)
{
	const struct mount_entry *below = mount_table_below(table, ours);

	for (; below; below = mount_table_below(table, below))
		if (below->is_lockfs && below->id != dead_id)
			return true;
	return false;
}

/* If others made files in the directory just before it was covered, it was not empty. */
static int check_covered(const struct attachment *attachment, int directory)
{
	if (!mountpoint_has_files(directory))
		return 0;
	log_line(LOG_ERR, "mount point %s is not empty, somebody made files there just now: choose an empty directory",
		attachment->options->mountpoint);
	return -1;
}

/* Mounting by ourselves */

static int configure(const struct attachment *attachment, int context)
{
	const struct kernel_options *kernel = &attachment->kernel;
	char device[16], mode[16], user[16], group[16];
	const struct {
		const char *name, *value;
	} strings[] = {
		{ "source", kernel->source }, { "subtype", kernel->subtype }, { "fd", device },
		{ "rootmode", mode },         { "user_id", user },            { "group_id", group },
	};

	snprintf(device, sizeof(device), "%d", attachment->device);
	snprintf(mode, sizeof(mode), "%o", S_IFDIR);
	snprintf(user, sizeof(user), "%u", getuid());
	snprintf(group, sizeof(group), "%u", getgid());
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (fsconfig(context, FSCONFIG_SET_STRING, strings[i].name, strings[i].value, 0) < 0)
			return -errno;
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (kernel->filesystem[i] && fsconfig(context, FSCONFIG_SET_FLAG, kernel->filesystem[i], NULL, 0) < 0)
			return -errno;
	return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* Makes a mount that is nowhere yet. */
static int make_mount(struct attachment *attachment, int context)
{
	int err;

	attachment->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (attachment->device < 0) {
		log_line(LOG_ERR, "cannot open /dev/fuse: %s; load the kernel's module with `modprobe fuse`",
			strerror(errno));
		return -1;
	}
	attachment->nowhere = open("/", O_PATH | O_CLOEXEC);
	err = attachment->nowhere < 0 ? -errno : configure(attachment, context);
	if (err == 0) {
		attachment->mount = fsmount(context, FSMOUNT_CLOEXEC, attachment->kernel.attributes);
		err = attachment->mount < 0 ? -errno : 0;
	}
	if (err < 0)
		log_line(LOG_ERR, "cannot mount %s: %s", attachment->options->mountpoint, strerror(-err));
	return err;
}

/* libfuse takes a descriptor in the place of a mount point; it closes that at the end. */
static int give_device(struct attachment *attachment)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", attachment->device);
	if (fuse_session_mount(attachment->fuse, name) == 0)
		return 0;
	fuse_log_complain("mount", attachment->options->mountpoint);
	return -1;
}

static int make_ourselves(struct attachment *attachment, int context)
{
	int err = make_mount(attachment, context);

	close(context);
	if (err == 0)
		err = give_device(attachment);
	if (err < 0)
		close_fd(&attachment->device);
	return err < 0 ? -1 : 0;
}

static int move_to(const struct attachment *attachment, int target, unsigned int where)
{
	if (move_mount(attachment->mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | where) < 0)
		return -errno;
	return 0;
}

/* Below a dead mount if the kernel knows that (Linux 6.5), else above it. */
static int put(const struct attachment *attachment, int target, enum mountpoint_state state)
{
	if (state == MOUNTPOINT_DEAD && move_to(attachment, target, BENEATH) == 0)
		return 0;
	return move_to(attachment, target, 0);
}

/* Takes the dead mount away that stands above ours. What stands on that is second to ours, and serves nobody. */
static int remove_above(const char *path, int dead, int dead_id)
{
	struct mount_table table;
	int err = 0;

	for (int i = 0; i < ATTEMPTS; i++) {
		err = mount_detach(dead);
		if (mount_table_read(&table, path) == 0 && !mount_table_find(&table, dead_id))
			return 0;
	}
	log_line(LOG_ERR, "%s is a mount whose daemon died, and it cannot be unmounted%s%s: try `fusermount3 -u %s`", path,
		err < 0 ? ": " : "", err < 0 ? strerror(-err) : "", path);
	return -1;
}

static bool has_lockfs(const struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].is_lockfs)
			return true;
	return false;
}

/* Is it ours alone? Takes the dead mount away if that is above. */
static int decide(struct attachment *attachment, int target, enum mountpoint_state state)
{
	const char *path = attachment->options->mountpoint;
	int dead_id = state == MOUNTPOINT_DEAD ? mount_id(target) : -1;
	int id = mount_id(attachment->mount);
	const struct mount_entry *ours, *below;
	struct mount_table table;
	int err = mount_table_read(&table, path);

	ours = err < 0 ? NULL : mount_table_find(&table, id);
	if (!ours) {
		/* Others that came second may have taken it away as they backed out. */
		if (err == 0 && has_lockfs(&table))
			mountpoint_refuse(path);
		else
			log_line(LOG_ERR, "cannot mount %s: %s", path,
				err < 0 ? strerror(-err) : "somebody unmounted it at once");
		return -1;
	}
	attachment->filesystem = ours->device;
	if (is_second(&table, ours, dead_id)) {
		mountpoint_refuse(path);
		return -1;
	}
	if (state == MOUNTPOINT_FREE)
		return check_covered(attachment, target);
	below = mount_table_below(&table, ours);
	if (!below || below->id != dead_id)
		return remove_above(path, target, dead_id);
	attachment->dead = fcntl(target, F_DUPFD_CLOEXEC, 0);
	return 0;
}

/* Our mount may stand below others who back out as well, each of which takes away at most what is not ours. */
static void back_out(struct attachment *attachment)
{
	struct mount_table table;

	for (int i = 0; i < ATTEMPTS; i++) {
		if (mount_table_read(&table, attachment->options->mountpoint) < 0 ||
			!mount_table_find(&table, mount_id(attachment->mount)) || mount_detach(attachment->mount) < 0)
			break;
	}
	attachment->filesystem = 0;
}

static int show(struct attachment *attachment)
{
	const char *path = attachment->options->mountpoint;
	int err = -ENOENT;

	/* The dead mount may be gone when we come to it: then another daemon has replaced it. */
	for (int i = 0; i < ATTEMPTS && (err == -ENOENT || err == -EINVAL); i++) {
		enum mountpoint_state state;
		int target = mountpoint_open(path, true, &state);

		if (target < 0)
			return -1;
		if (mountpoint_check(path, target, attachment->options, state) < 0) {
			close(target);
			return -1;
		}
		err = put(attachment, target, state);
		if (err == 0 && decide(attachment, target, state) < 0) {
			back_out(attachment);
			close(target);
			return -1;
		}
		attachment->replaced = state == MOUNTPOINT_DEAD;
		close(target);
	}
	if (err < 0)
		log_line(LOG_ERR, "cannot mount %s: %s", path, strerror(-err));
	return err;
}

/* What is on top of the path, if it is our filesystem; else -1. While that exists, no other has its number. */
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
		close_fd(&fd);
	return fd;
}

static bool is_connected(int device)
{
	struct pollfd state = { .fd = device };

	return poll(&state, 1, 0) == 0 || !(state.revents & POLLERR);
}

/* The path may lead to the mount of another daemon by now, as ours can be unmounted while files are open. */
static void unmount_ours(const struct attachment *attachment)
{
	int fd = attachment->filesystem && is_connected(attachment->device) ? open_ours(attachment) : -1;

	if (fd >= 0 && mount_detach(fd) == -EPERM)
		mountpoint_unmount_as_user(attachment->options->mountpoint);
	close_fd(&fd);
}

/* Ends the waiting of callers. The number stays in use until libfuse closes it, which unmounts nothing. */
static void close_device(const struct attachment *attachment)
{
	dup2(attachment->nowhere, attachment->device);
	if (attachment->by_libfuse)
		fuse_session_unmount(attachment->fuse);
}

/* Mounting by libfuse and fusermount3, which know no more than a path */

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
		close_fd(&fd);
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
	return ours && !is_second(&table, ours, -1);
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
		if (mountpoint_remove_dead(path, fd) < 0)
			break;
		close_fd(&fd);
		if (i == ATTEMPTS - 1)
			mountpoint_refuse_turn(path);
	}
	close_fd(&fd);
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

	unmount_ours(attachment);
	close_device(attachment);
	if (!has_turn)
		return;
	fd = mountpoint_open(path, true, &state);
	if (fd >= 0 && state == MOUNTPOINT_DEAD && !attachment->filesystem)
		mountpoint_remove_dead(path, fd);
	close_fd(&fd);
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
		else if (was_dead || check_covered(attachment, directory) == 0)
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

static int make_by_libfuse(struct attachment *attachment)
{
	int turn, err;

	if (make_nowhere(attachment) < 0)
		return -1;
	attachment->by_libfuse = true;
	turn = wait_for_turn(attachment->options->mountpoint);
	err = mount_by_path(attachment, turn >= 0);
	close_fd(&turn);
	return err;
}

int attach_make(struct attachment *attachment, struct fuse_session *fuse)
{
	int context = -1;

	attachment->fuse = fuse;
	/*
	 * Only libfuse can start what unmounts for `auto_unmount`. EPERM: we may not mount, but fusermount3 may.
	 * ENOSYS: a kernel before Linux 5.2, or a filter of calls; then even root has but a path.
	 */
	if (!attachment->options->auto_unmount) {
		context = fsopen("fuse", FSOPEN_CLOEXEC);
		if (context < 0 && errno != EPERM && errno != ENOSYS) {
			log_line(LOG_ERR, "cannot mount %s: %s; load the kernel's module with `modprobe fuse`",
				attachment->options->mountpoint, strerror(errno));
			return -1;
		}
	}
	return context < 0 ? make_by_libfuse(attachment) : make_ourselves(attachment, context);
}

int attach_show(struct attachment *attachment)
{
	int err;

	if (attachment->by_libfuse)
		return 0;
	err = show(attachment);
	/* As long as it is open, nobody could unmount. */
	close_fd(&attachment->mount);
	return err < 0 ? -1 : 0;
}

bool attach_replaced(const struct attachment *attachment)
{
	return attachment->replaced;
}

dev_t attach_filesystem(const struct attachment *attachment)
{
	return attachment->filesystem;
}

void attach_end(struct attachment *attachment)
{
	unmount_ours(attachment);
	close_fd(&attachment->mount);
	close_device(attachment);
	if (attachment->dead >= 0)
		mountpoint_remove_unused(attachment->options->mountpoint, attachment->dead);
	attachment->dead = -1;
}
