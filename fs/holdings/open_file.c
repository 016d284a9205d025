/* Passes FUSE operations on an open file to the operations of its kind, and has those that refuse. */
#include "fs/holdings/open_file.h"

#include <errno.h>
#include <poll.h>

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	open_file_of(info)->ops->read(req, ino, size, offset, info);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
              struct fuse_file_info *info)
{
	open_file_of(info)->ops->write(req, ino, data, size, offset, info);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info)
{
	open_file_of(info)->ops->fsync(req, ino, only_data, info);
}

void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
	open_file_of(info)->ops->poll(req, ino, info, handle);
}

void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation)
{
	open_file_of(info)->ops->flock(req, ino, info, operation);
}

void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits)
{
	open_file_of(info)->ops->setlk(req, ino, info, lock, waits);
}

void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock)
{
	open_file_of(info)->ops->getlk(req, ino, info, lock);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	open_file_of(info)->ops->flush(req, ino, info);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	open_file_of(info)->ops->release(req, ino, info);
}

void refuse_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                  struct fuse_file_info *info)
{
	(void)ino;
	(void)data;
	(void)size;
	(void)offset;
	(void)info;
	fuse_reply_err(req, EBADF);
}

/* fsync(2) answers EINVAL for a pipe, too. */
void refuse_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info)
{
	(void)ino;
	(void)only_data;
	(void)info;
	fuse_reply_err(req, EINVAL);
}

void refuse_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation)
{
	(void)ino;
	(void)info;
	(void)operation;
	fuse_reply_err(req, EOPNOTSUPP);
}

void refuse_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits)
{
	(void)ino;
	(void)info;
	(void)lock;
	(void)waits;
	fuse_reply_err(req, EOPNOTSUPP);
}

void refuse_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock)
{
	(void)ino;
	(void)info;
	(void)lock;
	fuse_reply_err(req, EOPNOTSUPP);
}

void poll_readable(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
	(void)ino;
	(void)info;
	if (handle)
		fuse_pollhandle_destroy(handle);
	fuse_reply_poll(req, POLLIN | POLLRDNORM);
}

void ignore_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, 0);
}
