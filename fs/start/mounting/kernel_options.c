/*
 * Reads the mount options of the kernel as libfuse would: lockfs mounts by itself with fsmount(2) where it may,
 * and both ways must understand the same options.
 */
#include "fs/start/mounting/kernel_options.h"

#include <fuse_opt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* An option of mount(8) that is an attribute of the mount, a flag of the filesystem, or both. */
struct flag {
	const char *name;
	const char *filesystem; /* its name for fsconfig(2), or NULL */
	unsigned int attribute; /* MOUNT_ATTR_*, or 0 */
	bool on;                /* sets the attribute and flag, rather than clearing them */
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
	{ "allow_other", "allow_other", 0, true },
	/* For allow_root libfuse sets allow_other in the kernel, and refuses users other than root itself. */
	{ "allow_root", "allow_other", 0, true },
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

_Static_assert(FLAG_COUNT <= KERNEL_FLAGS_MAX, "every flag fits in struct kernel_options");

static void set_filesystem_flag(struct kernel_options *kernel, const struct flag *flag)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (flags[i].filesystem && strcmp(flags[i].filesystem, flag->filesystem) == 0) {
			kernel->filesystem[i] = flag->on ? flag->filesystem : NULL;
			return;
		}
	}
}

/* Called by libfuse for each option. Unknown options belong to libfuse or are refused elsewhere, and are ignored here. */
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

int kernel_options_read(struct kernel_options *kernel, const struct fuse_args *arguments)
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

void kernel_options_free(struct kernel_options *kernel)
{
	free(kernel->source);
	free(kernel->subtype);
}
