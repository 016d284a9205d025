/*
 * READ, WRITE, FSYNC, POLL and RELEASE of lock files. A file that the holder opened names one holding by its
 * token, so that it cannot read or write the content of the next holder. A handle names none, and follows the key: so each
 * read(2) through it is checked against the mode of the lock that is held then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/holdings/lock_file.h"
#include "fs/holdings/open_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static void lock_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct mount *mount = mount_of(req);
	struct node *node = node_find(mount->nodes, ino);
	struct lock_file *file = lock_file_of(info);
	uint64_t token = lock_file_token(file);
	bool has_ended = lock_file_has_ended(file);

	if (node) {
		node->files--;
		node->creators -= file->acquired != 0;
	}
	lock_file_close(file);
	/* The node must remember the end, as no open file of the holding may be left to do so. */
	if (node && token && has_ended)
		node_end(mount->nodes, node, token);
	fuse_reply_err(req, 0);
}

/*
 * Makes a request on an open file. Returns NULL after replying, also with ESTALE if its holding is known to have ended:
 * a backend whose clock is a little behind might still show the holding.
 */
static struct request *request_on_file(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *info)
{
	if (lock_file_has_ended(lock_file_of(info))) {
		fuse_reply_err(req, ESTALE);
		return NULL;
	}
	return request_on_node(req, ino, info);
}

static void on_content_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	size_t offset = (size_t)request->read.offset;
	size_t size = request->read.size;

	if (!request->token && (status == -ENOENT || (status == 0 && entry->kind != ENTRY_LOCK))) {
		request_reply_buf(request, NULL, 0);
		return;
	}
	if (request->token)
		status = request_check_held(request, status, entry);
	else if (status == 0 && !access_allows(request, entry, R_OK))
		status = -EACCES;
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	if (offset > entry->lock.content_size)
		offset = entry->lock.content_size;
	if (size > entry->lock.content_size - offset)
		size = entry->lock.content_size - offset;
	request_reply_buf(request, size ? entry->lock.content + offset : NULL, size);
}

static void lock_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct request *request = request_on_file(req, ino, info);

	if (!request)
		return;
	request->read.size = size;
	request->read.offset = offset;
	backend_read_as(request->mount->backend, request->key, NULL, request_match(request), on_content_read, request);
}

/* WRITE */

/* Ends a WRITE without success. */
static void fail_write(struct request *request, int status)
{
	free(request->write.data);
	request_reply(request, status);
}

static void on_written(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == -ESTALE && !lock_file_of(&request->info)->foreign)
		request_end_holding(request);
	if (status < 0) {
		fail_write(request, status);
		return;
	}
	free(request->write.data);
	fuse_reply_write(request->fuse, request->write.size);
	request_end(request);
}

/* As on_written(), through a handle: it belongs to no holding, so the lock is free. */
static void on_written_through_handle(void *ctx, int status)
{
	if (status == -ESTALE)
		fail_write(ctx, -ENOLCK);
	else
		on_written(ctx, status);
}

/* Would the content exceed its limit, whatever the lock contains now? */
static bool never_fits(const struct request *request)
{
	size_t size = request->write.size;

	if (size == 0)
		return false;
	return size > LOCK_CONTENT_MAX ||
		(request->write.offset >= 0 && request->write.offset > (off_t)(LOCK_CONTENT_MAX - size));
}

/* Keeps the data of the request until the backend has taken them. Returns 0 or -ENOMEM. */
static int keep_data(struct request *request, const char *data)
{
	size_t size = request->write.size;

	/* Data that cannot fit is neither copied nor sent: there may be very much of it at a time. */
	if (never_fits(request))
		return 0;
	if (reserve_check(request->mount->reserve) == 0)
		request->write.data = malloc(size ? size : 1);
	if (!request->write.data)
		return -ENOMEM;
	memcpy(request->write.data, data, size);
	return 0;
}

/* A write that is too large fails with EFBIG, or with ESTALE if the holding has ended. */
static void on_read_for_too_large(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	int err = request_check_held(request, status, entry);

	request_reply(request, err < 0 ? err : -EFBIG);
}

/* Writes to the holding of the file. OPEN has checked that the caller is the holder, and the token proves that it still is. */
static void write_to_own(struct request *request)
{
	struct backend *backend = request->mount->backend;

	if (never_fits(request))
		backend_read_holding(backend, request->key, request->token, on_read_for_too_large, request);
	else
		backend_write(backend, request->key, request->token, request->write.offset, request->write.data,
			request->write.size, on_written, request);
}

static void on_read_for_write(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == -ENOENT || (status == 0 && entry->kind != ENTRY_LOCK))
		status = -ENOLCK;
	else if (status == 0 && !lock_is_held_by(&entry->lock, &request->claim))
		status = -EBUSY;
	else if (status == 0 && !access_allows(request, entry, W_OK))
		status = -EACCES;
	else if (status == 0 && never_fits(request))
		status = -EFBIG;
	if (status < 0)
		fail_write(request, status);
	else
		backend_write(request->mount->backend, request->key, entry->lock.token, request->write.offset,
			request->write.data, request->write.size, on_written_through_handle, request);
}

/* Writes through a handle: to the holding that the caller has now. */
static void write_through_handle(struct request *request)
{
	int err = request_identify(request);

	if (err < 0)
		fail_write(request, err);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, match_any(), on_read_for_write, request);
}

static void lock_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *info)
{
	enum { AT_END = -1 };
	struct request *request = request_on_file(req, ino, info);
	int err;

	if (!request)
		return;
	if (request->token && !lock_file_of(info)->may_write) {
		request_reply(request, -EBUSY);
		return;
	}
	request->write.size = size;
	request->write.offset = info->flags & O_APPEND ? AT_END : offset;
	err = keep_data(request, data);
	if (err < 0)
		request_reply(request, err);
	else if (request->token)
		write_to_own(request);
	else
		write_through_handle(request);
}

/* FSYNC, POLL */

static void on_fsync(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	request_reply(request, request_check_held(request, status, entry));
}

static void lock_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *info)
{
	struct request *request = request_on_file(req, ino, info);

	(void)only_data;
	if (!request)
		return;
	if (request->token == 0)
		request_reply(request, 0);
	else
		backend_read_holding(request->mount->backend, request->key, request->token, on_fsync, request);
}

static void lock_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
	(void)ino;
	fuse_reply_poll(req, lock_file_poll(lock_file_of(info), handle));
}

const struct open_file_ops lock_file_ops = {
	.read = lock_read,
	.write = lock_write,
	.fsync = lock_fsync,
	.poll = lock_poll,
	.flock = lock_flock,
	.setlk = lock_setlk,
	.getlk = lock_getlk,
	.flush = lock_flush,
	.release = lock_release,
};
