/*
 * The table of operations for libfuse, and those that only answer or refuse. An operation that is missing here is
 * handled by the kernel alone or answered ENOSYS, which the kernel remembers for the whole mount: so refusals that
 * matter are written out.
 */
#include "fs/ops/table.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "fs/holdings/open_file.h"
#include "fs/mount.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/request.h"
#include "lockfs/lock.h"

static void op_init(void *userdata, struct fuse_conn_info *connection)
{
	struct mount *mount = userdata;

	/* Splicing through a pipe costs two more system calls, and the daemon copies its small data anyway. */
	connection->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	mount->is_initialized = true;
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	static const struct statvfs reply = { .f_bsize = LOCK_CONTENT_MAX, .f_namemax = LOCK_NAME_MAX };

	(void)ino;
	fuse_reply_statfs(req, &reply);
}

/* There are only locks and directories: refuses, but only after what the caller may not do at all. */
static void refuse_node(struct request *request)
{
	request_reply(request, -EPERM);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct request *request = request_on_name(req, parent, name, NULL);

	(void)mode;
	(void)device;
	if (request)
		access_check(request, access_change, refuse_node);
}

const struct fuse_lowlevel_ops lockfs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.access = op_access,
	.setattr = op_setattr,
	.create = op_create,
	.unlink = op_unlink,
	.open = op_open,
	.flush = op_flush,
	.release = op_release,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.poll = op_poll,
	.mkdir = op_mkdir,
	.rmdir = op_rmdir,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
	.statfs = op_statfs,
	.rename = op_rename,
	.link = op_link,
	.symlink = op_symlink,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.flock = op_flock,
	.getlk = op_getlk,
	.setlk = op_setlk,
};
