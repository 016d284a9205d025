/* Chooses how to mount, by system calls or by path, and keeps the state of the attachment until the end. */
#include "fs/start/mounting/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "fs/options.h"
#include "fs/start/mounting/attachment.h"
#include "fs/start/mounting/dead_mount.h"
#include "fs/start/mounting/kernel_options.h"
#include "fs/start/process/descriptors.h"
#include "fs/util/log.h"

struct attachment *attach_new(const struct options *options)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		return NULL;
	}
	attachment->options = options;
	attachment->device = attachment->mount = attachment->dead = attachment->placeholder = -1;
	if (kernel_options_read(&attachment->kernel, &options->fuse) < 0) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		attach_free(attachment);
		return NULL;
	}
	return attachment;
}

void attach_free(struct attachment *attachment)
{
	descriptor_close(&attachment->mount);
	descriptor_close(&attachment->dead);
	descriptor_close(&attachment->placeholder);
	kernel_options_free(&attachment->kernel);
	free(attachment);
}

int attach_make(struct attachment *attachment, struct fuse_session *fuse)
{
	int context = -1;

	attachment->fuse = fuse;
	/*
	 * Only libfuse can start the helper that serves `auto_unmount`. EPERM: we may not mount, but fusermount3 may.
	 * ENOSYS: a kernel before Linux 5.2, or a seccomp filter; then even root can only mount by path.
	 */
	if (!attachment->options->auto_unmount) {
		context = fsopen("fuse", FSOPEN_CLOEXEC);
		if (context < 0 && errno != EPERM && errno != ENOSYS) {
			log_line(LOG_ERR, "cannot mount %s: %s; load the kernel's module with `modprobe fuse`",
				attachment->options->mountpoint, strerror(errno));
			return -1;
		}
	}
	return context < 0 ? attachment_make_by_path(attachment) : attachment_make_by_syscalls(attachment, context);
}

int attach_show(struct attachment *attachment)
{
	int err;

	if (attachment->by_path)
		return 0;
	err = attachment_show_by_syscalls(attachment);
	/* While this descriptor is open, umount(8) answers EBUSY. */
	descriptor_close(&attachment->mount);
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
	attachment_unmount(attachment);
	descriptor_close(&attachment->mount);
	attachment_close_device(attachment);
	if (attachment->dead >= 0)
		dead_mount_remove_unused(attachment->options->mountpoint, attachment->dead);
	attachment->dead = -1;
}
