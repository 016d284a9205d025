/* The mount options that the kernel gets: attributes of the mount, and flags and texts of the filesystem. */
#ifndef FS_START_MOUNTING_KERNEL_OPTIONS_H
#define FS_START_MOUNTING_KERNEL_OPTIONS_H

struct fuse_args;

enum { KERNEL_FLAGS_MAX = 16 };

struct kernel_options {
	char *source;             /* first column of /proc/mounts */
	char *subtype;
	unsigned int attributes;  /* MOUNT_ATTR_* of mount_setattr(2) */
	const char *filesystem[KERNEL_FLAGS_MAX]; /* name of a filesystem flag that is set; NULL: unused */
};

/* Reads the options from `arguments` of libfuse. Returns 0, or -1 if memory is short. Call kernel_options_free() in both cases. */
int kernel_options_read(struct kernel_options *kernel, const struct fuse_args *arguments);

void kernel_options_free(struct kernel_options *kernel);

#endif
