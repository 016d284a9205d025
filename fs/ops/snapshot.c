/* Open files that show a text as it was when they were opened. */
#include "fs/ops/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "backend/util/quota.h"
#include "fs/holdings/open_file.h"
#include "fs/mount.h"

struct snapshot {
	struct open_file opened;
	char *text;
	size_t size;
	uid_t uid; /* the user who is charged for it in mount->streams_quota */
	struct snapshot *prev, *next;
};

static struct snapshot *snapshot_of(const struct fuse_file_info *info)
{
	return (struct snapshot *)open_file_of(info);
}

static void close_file(struct mount *mount, struct snapshot *file)
{
	DL_DELETE(mount->snapshots, file);
	quota_give(mount->streams_quota, file->uid, 1);
	free(file->text);
	free(file);
}

static void snapshot_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	const struct snapshot *file = snapshot_of(info);
	size_t from = (size_t)offset < file->size ? (size_t)offset : file->size;

	(void)ino;
	fuse_reply_buf(req, file->text + from, size < file->size - from ? size : file->size - from);
}

static void snapshot_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct mount *mount = fuse_req_userdata(req);

	(void)ino;
	close_file(mount, snapshot_of(info));
	fuse_reply_err(req, 0);
}

static const struct open_file_ops snapshot_ops = {
	.read = snapshot_read,
	.write = refuse_write,
	.fsync = refuse_fsync,
	.poll = poll_readable,
	.flock = refuse_flock,
	.setlk = refuse_setlk,
	.getlk = refuse_getlk,
	.flush = ignore_flush,
	.release = snapshot_release,
};

/* Returns 0 or a negative errno; then the text is still the caller's. */
static int make_file(struct mount *mount, uid_t uid, char *text, size_t size, struct snapshot **ret)
{
	struct snapshot *file;
	int err = quota_take(mount->streams_quota, uid, 1);

	if (err < 0)
		return err;
	file = calloc(1, sizeof(*file));
	if (!file) {
		quota_give(mount->streams_quota, uid, 1);
		return -ENOMEM;
	}
	*file = (struct snapshot){ .opened = { .ops = &snapshot_ops }, .text = text, .size = size, .uid = uid };
	DL_APPEND(mount->snapshots, file);
	*ret = file;
	return 0;
}

void snapshot_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info, char *text, size_t size)
{
	struct snapshot *file;
	struct fuse_file_info reply = *info;
	int err = make_file(mount, fuse_req_ctx(req)->uid, text, size, &file);

	if (err < 0) {
		free(text);
		fuse_reply_err(req, -err);
		return;
	}
	reply.fh = (uintptr_t)&file->opened;
	reply.direct_io = 1; /* GETATTR did not know the size of the snapshot */
	reply.noflush = 1;
	if (fuse_reply_open(req, &reply) < 0)
		close_file(mount, file);
}

void snapshots_free(struct mount *mount)
{
	while (mount->snapshots)
		close_file(mount, mount->snapshots);
}
