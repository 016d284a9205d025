/*
 * Open files of all kinds: of locks and of event streams. Each kind embeds a struct
 * open_file as its first member, which holds the operations of its kind. The kernel's file
 * handle points to it. (The node cannot serve for this: the kernel may forget a node before
 * it closes the file.)
 */
#ifndef FS_HOLDINGS_OPEN_FILE_H
#define FS_HOLDINGS_OPEN_FILE_H

#include <fuse_lowlevel.h>
#include <stdint.h>

struct open_file_ops {
	void (*read)(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
	void (*write)(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	              struct fuse_file_info *info);
	void (*fsync)(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info);
	void (*poll)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle);
	void (*flock)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);
	void (*setlk)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits);
	void (*getlk)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock);
	void (*flush)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
	void (*release)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
};

struct open_file {
	const struct open_file_ops *ops;
};

/* Operations of a lock file or handle (lock_file.h), in fs/ops/file_io.c. */
extern const struct open_file_ops lock_file_ops;

/* Operations of `.events` and `.events.json`, in fs/events/event_stream.c. */
extern const struct open_file_ops event_stream_ops;

/* Operations of files that can only be read. */
void refuse_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                  struct fuse_file_info *info);
void refuse_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info);
void refuse_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);
void refuse_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits);
void refuse_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock);

/* POLL of files that can be read at any time. */
void poll_readable(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle);

/* FLUSH of files that cannot be locked. */
void ignore_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);

/* The FUSE operations on open files. Each calls the operation of the kind of file. */
void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);
void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits);
void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
              struct fuse_file_info *info);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info);
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle);

/* The open file that the kernel's file handle stands for. */
static inline struct open_file *open_file_of(const struct fuse_file_info *info)
{
	return (struct open_file *)(uintptr_t)info->fh;
}

#endif
