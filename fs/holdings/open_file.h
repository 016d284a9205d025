/*
 * What can be done with an open file depends on what it is a file of. Each kind of
 * open file embeds a struct open_file first, and that is what the kernel knows it by.
 * (Not its node: the kernel may forget that before it closes the file.)
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
	void (*release)(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
};

struct open_file {
	const struct open_file_ops *ops;
};

/* Of a lock or a handle: file_io.c, lock_file.h. */
extern const struct open_file_ops lock_file_ops;

/* Of `.events` and `.events.json`: event_stream.c, event_stream.h. */
extern const struct open_file_ops event_stream_ops;

/* For what is only read. */
void refuse_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                  struct fuse_file_info *info);
void refuse_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info);
void refuse_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);

/* The operations on open files: each is passed on to the kind of the open file. */
void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
              struct fuse_file_info *info);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info);
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle);

static inline struct open_file *open_file_of(const struct fuse_file_info *info)
{
	return (struct open_file *)(uintptr_t)info->fh;
}

#endif
