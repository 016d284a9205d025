/*
 * Mounts by fsopen(2), fsmount(2) and move_mount(2), for a daemon that may mount by itself (CAP_SYS_ADMIN).
 * The mount is made detached, visible nowhere, and is attached to the path as the last step.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/options.h"
#include "fs/start/mounting/attachment.h"
#include "fs/start/mounting/mount_table.h"
#include "fs/start/mounting/mountpoint.h"
#include "fs/start/process/descriptors.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"

/* MOVE_MOUNT_BENEATH of linux/mount.h, since Linux 6.5: attaches the mount below the one on top. */
#define BENEATH 0x00000200

/* Sets the options of a new FUSE filesystem and creates it. Returns 0 or a negative errno. */
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
	for (size_t i = 0; i < KERNEL_FLAGS_MAX; i++)
		if (kernel->filesystem[i] && fsconfig(context, FSCONFIG_SET_FLAG, kernel->filesystem[i], NULL, 0) < 0)
			return -errno;
	return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* Makes a detached mount. Returns 0, or a negative value after logging a line. */
static int make_mount(struct attachment *attachment, int context)
{
	int err;

	attachment->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (attachment->device < 0) {
		log_line(LOG_ERR, "cannot open /dev/fuse: %s; load the kernel's module with `modprobe fuse`",
			strerror(errno));
		return -1;
	}
	attachment->placeholder = open("/", O_PATH | O_CLOEXEC);
	err = attachment->placeholder < 0 ? -errno : configure(attachment, context);
	if (err == 0) {
		attachment->mount = fsmount(context, FSMOUNT_CLOEXEC, attachment->kernel.attributes);
		err = attachment->mount < 0 ? -errno : 0;
	}
	if (err < 0)
		log_line(LOG_ERR, "cannot mount %s: %s", attachment->options->mountpoint, strerror(-err));
	return err;
}

/* libfuse accepts /dev/fd/N in place of a mount point, and closes the descriptor at the end. */
static int give_device(struct attachment *attachment)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/fd/%d", attachment->device);
	if (fuse_session_mount(attachment->fuse, name) == 0)
		return 0;
	fuse_log_complain("mount", attachment->options->mountpoint);
	return -1;
}

int attachment_make_by_syscalls(struct attachment *attachment, int context)
{
	int err = make_mount(attachment, context);

	close(context);
	if (err == 0)
		err = give_device(attachment);
	if (err < 0)
		descriptor_close(&attachment->device);
	return err < 0 ? -1 : 0;
}

static int move_to(const struct attachment *attachment, int target, unsigned int where)
{
	if (move_mount(attachment->mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | where) < 0)
		return -errno;
	return 0;
}

/* Attaches the mount below a dead mount if the kernel can do that (Linux 6.5), otherwise on top. */
static int attach_to(const struct attachment *attachment, int target, enum mountpoint_state state)
{
	if (state == MOUNTPOINT_DEAD && move_to(attachment, target, BENEATH) == 0)
		return 0;
	return move_to(attachment, target, 0);
}

/*
 * Removes the dead mount above ours. A lockfs mount on top of the dead one is also removed: it is higher than ours,
 * so that its daemon has lost and serves nobody.
 */
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

/*
 * Checks that our mount won against those of other daemons on the path, and removes the dead mount if that is above
 * ours. Returns 0, or -1 after logging a line.
 */
static int check_won(struct attachment *attachment, int target, enum mountpoint_state state)
{
	const char *path = attachment->options->mountpoint;
	int dead_id = state == MOUNTPOINT_DEAD ? mount_id(target) : -1;
	int id = mount_id(attachment->mount);
	const struct mount_entry *ours, *below;
	struct mount_table table;
	int err = mount_table_read(&table, path);

	ours = err < 0 ? NULL : mount_table_find(&table, id);
	if (!ours) {
		/* A daemon that lost may have removed our mount while it backed out. */
		if (err == 0 && has_lockfs(&table))
			mountpoint_refuse(path);
		else
			log_line(LOG_ERR, "cannot mount %s: %s", path,
				err < 0 ? strerror(-err) : "somebody unmounted it at once");
		return -1;
	}
	attachment->filesystem = ours->device;
	if (attachment_is_second(&table, ours, dead_id)) {
		mountpoint_refuse(path);
		return -1;
	}
	if (state == MOUNTPOINT_FREE)
		return attachment_check_covered(attachment, target);
	below = mount_table_below(&table, ours);
	if (!below || below->id != dead_id)
		return remove_above(path, target, dead_id);
	attachment->dead = fcntl(target, F_DUPFD_CLOEXEC, 0);
	return 0;
}

/*
 * Removes our mount. mount_detach() removes the mount on top, which may belong to another daemon that lost as well,
 * so this is repeated until ours is gone.
 */
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

int attachment_show_by_syscalls(struct attachment *attachment)
{
	const char *path = attachment->options->mountpoint;
	int err = -ENOENT;

	/* ENOENT or EINVAL: another daemon has removed the dead mount since it was opened. */
	for (int i = 0; i < ATTEMPTS && (err == -ENOENT || err == -EINVAL); i++) {
		enum mountpoint_state state;
		int target = mountpoint_open(path, true, &state);

		if (target < 0)
			return -1;
		if (mountpoint_check(path, target, attachment->options, state) < 0) {
			close(target);
			return -1;
		}
		err = attach_to(attachment, target, state);
		if (err == 0 && check_won(attachment, target, state) < 0) {
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
