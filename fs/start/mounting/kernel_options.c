#include "fs/start/mounting/kernel_options.h"

#include <fuse_opt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

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

_Static_assert(FLAG_COUNT <= KERNEL_FLAGS_MAX, "each flag has its place");

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
