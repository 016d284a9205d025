/*
 * OPEN, READ, WRITE, FSYNC, POLL and RELEASE of lock files. An open file names one holding by its token, so that it
 * cannot read or write the content of the next holder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fs/holdings/lock_file.h"
#include "fs/holdings/open_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/opening.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* Checks that the holding of the request still exists. Returns 0, -ESTALE, or the backend's error. */
static int check_still_held(struct request *request, int status, const struct entry *entry)
{
	if (status < 0 && status != -ENOENT)
		return status;
	return request_finds_holding(request, status, entry) ? 0 : -ESTALE;
}

/* Publishes an attempt to acquire by open(2) with O_CREAT: if the lock exists, the kernel sends OPEN and not CREATE. */
static void publish_attempt(const struct request *request, enum lock_event_kind kind)
{
	backend_publish(request->mount->backend, kind, request->key, match_token(node_token(request->node)));
}

static void reply_opened(struct request *request, bool may_write, bool foreign)
{
	struct lock_file *file = request_open_file(request, node_token(request->node), 0);
	int err;

	if (!file) {
		request_reply(request, -ENOMEM);
		return;
	}
	file->may_write = may_write;
	file->foreign = foreign;
	err = request_note_opener(request, file);
	if (err == 0) {
		request_reply_open(request, file);
		return;
	}
	lock_file_close(file);
	request_reply(request, err);
}

/*
 * Replies that the lock ended between LOOKUP and OPEN: ESTALE makes the kernel look the name up again, once. If the
 * next holding has ended too, the lock was held in the meantime, so the attempt counts as refused (EBUSY). OPEN does
 * not tell whether the caller gave O_CREAT, so the lock cannot be created here.
 */
static void reply_missed(struct request *request)
{
	int status = request_stale_or(request, -EBUSY);

	if (status == -EBUSY)
		backend_publish(request->mount->backend, EVENT_UNAVAILABLE, request->key, match_any());
	request_reply(request, status);
}

static void on_truncated_for_open(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	if (status == -ENOENT) {
		request_end_holding(request);
		reply_missed(request);
		return;
	}
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	publish_attempt(request, EVENT_ACQUIRED);
	reply_opened(request, true, lock->foreign);
}

static bool opens_to_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static void on_opening(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	int flags = request->info.flags;
	bool is_holder = false;

	status = check_still_held(request, status, entry);
	/*
	 * ESTALE makes the kernel look the name up again only once. Among many callers that open in order to lock,
	 * one may come too late each time, and a handle is all that it needs.
	 */
	if (status == -ESTALE && !(flags & O_TRUNC) && opens_handle(flags)) {
		reply_opened(request, false, false);
		return;
	}
	if (status == -ESTALE) {
		reply_missed(request);
		return;
	}
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	if (opens_to_write(flags))
		is_holder = lock_is_held_by(&entry->lock, &request->claim);
	if (!is_holder && !opens_handle(flags)) {
		publish_attempt(request, EVENT_UNAVAILABLE);
		request_reply(request, -EBUSY);
	} else if (flags & O_TRUNC) {
		backend_truncate(request->mount->backend, request->key, &request->claim,
			match_token(node_token(request->node)), 0, on_truncated_for_open, request);
	} else {
		if (is_holder)
			publish_attempt(request, EVENT_ACQUIRED);
		reply_opened(request, is_holder, entry->lock.foreign);
	}
}

static void open_allowed(struct request *request)
{
	int flags = request->info.flags;

	if (!request_count_file_or_reply(request))
		return;
	/* Opens the node of a handle once more, as through /proc/self/fd. */
	if (node_token(request->node) == 0 && opens_handle(flags))
		reply_opened(request, false, false);
	else if (!opens_to_write(flags) || request_identify_or_reply(request))
		backend_read_as(request->mount->backend, request->key, &request->claim, on_opening, request);
}

static void lock_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	request->info.fh = 0;
	access_check_open(request, info->flags, open_allowed);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct node *node = node_find(mount_of(req)->nodes, ino);

	if (node && node_is_control(node))
		control_file_open(req, ino, info);
	else
		lock_open(req, ino, info);
}

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

	status = check_still_held(request, status, entry);
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
	if (request->token == 0) {
		request_reply_buf(request, NULL, 0);
		return;
	}
	request->read.size = size;
	request->read.offset = offset;
	backend_read(request->mount->backend, request->key, on_content_read, request);
}

static void on_written(void *ctx, int status)
{
	struct request *request = ctx;

	free(request->write.data);
	if (status == -ESTALE && !lock_file_of(&request->info)->foreign)
		request_end_holding(request);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	fuse_reply_write(request->fuse, request->write.size);
	request_end(request);
}

/* Would the content exceed its limit, whatever the lock contains now? */
static bool never_fits(size_t size, off_t offset, bool appends)
{
	if (size == 0)
		return false;
	return size > LOCK_CONTENT_MAX || (!appends && offset > (off_t)(LOCK_CONTENT_MAX - size));
}

/* A write that is too large fails with EFBIG, or with ESTALE if the holding has ended. */
static void on_read_for_too_large(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	int err = check_still_held(request, status, entry);

	request_reply(request, err < 0 ? err : -EFBIG);
}

static void lock_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *info)
{
	enum { AT_END = -1 };
	struct request *request = request_on_file(req, ino, info);

	if (!request)
		return;
	if (!lock_file_of(info)->may_write) {
		request_reply(request, request->token == 0 ? -ESTALE : -EBUSY);
		return;
	}
	/* Data that cannot fit is neither copied nor sent: there may be very much of it at a time. */
	if (never_fits(size, offset, info->flags & O_APPEND)) {
		backend_read(request->mount->backend, request->key, on_read_for_too_large, request);
		return;
	}
	/* OPEN has checked that the caller is the holder, and the token proves that the holding is still that one. */
	request->write.size = size;
	if (reserve_check(request->mount->reserve) == 0)
		request->write.data = malloc(size ? size : 1);
	if (!request->write.data) {
		request_reply(request, -ENOMEM);
		return;
	}
	memcpy(request->write.data, data, size);
	backend_write(request->mount->backend, request->key, request->token,
		info->flags & O_APPEND ? AT_END : offset, request->write.data, size, on_written, request);
}

static void on_fsync(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	request_reply(request, check_still_held(request, status, entry));
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
		backend_read(request->mount->backend, request->key, on_fsync, request);
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
	.release = lock_release,
};
