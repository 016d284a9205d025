/* The mount options that the kernel gets, read from what libfuse would read them from. */
#ifndef FS_START_MOUNTING_KERNEL_OPTIONS_H
#define FS_START_MOUNTING_KERNEL_OPTIONS_H

struct fuse_args;

enum { KERNEL_FLAGS_MAX = 16 };

struct kernel_options {
	char *source;
	char *subtype;
	unsigned int attributes;
	const char *filesystem[KERNEL_FLAGS_MAX]; /* flags that are set, else NULL */
};

/* Reads the options of `arguments`. Returns 0 or -1 (ENOMEM). kernel_options_free() is to be called in both cases. */
int kernel_options_read(struct kernel_options *kernel, const struct fuse_args *arguments);

void kernel_options_free(struct kernel_options *kernel);

#endif
