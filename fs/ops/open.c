/*
 * OPEN. The holder opens the holding, which the open file then names by its token. Everybody else gets a handle, on a
 * node of its own (stale_retry.h): its attributes must follow the key, and requests on attributes carry the node only.
 * In a view in which creating for writing acquires, such an open by another is a refused attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "fs/holdings/lock_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/opening.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/*
 * Publishes an attempt to acquire, if this open(2) would acquire a free lock with O_CREAT: if the lock exists, the kernel
 * sends OPEN and not CREATE.
 */
static void publish_attempt(const struct request *request, enum lock_event_kind kind)
{
	if (request_writes_to_acquire(request))
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

/* Opens a handle: by ESTALE, upon which the kernel opens a node of its own. `lock`: the present lock, NULL: it ended. */
static void open_handle(struct request *request, const struct lock *lock)
{
	bool existed = lock || !request_cache_was_wrong(request);
	int err = stale_retry_for_handle(request->mount->retries, fuse_req_ctx(request->fuse), request->key,
		request->node->number, existed);

	/* Where the kernel keeps the node, the file belongs to its holding and does not follow the key. */
	if (err == 0)
		reply_opened(request, false, lock && lock->foreign);
	else
		request_reply(request, err);
}

/* Opens the lock for a caller who does not hold it; `lock` is NULL if it has ended. */
static void open_unheld(struct request *request, const struct lock *lock)
{
	if (!request_writes_to_acquire(request) || opens_handle(request->info.flags)) {
		open_handle(request, lock);
	} else if (lock) {
		publish_attempt(request, EVENT_UNAVAILABLE);
		request_reply(request, -EBUSY);
	} else {
		reply_missed(request);
	}
}

static void on_truncated_for_open(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	if (status == -ENOENT) {
		request_end_holding(request);
		open_unheld(request, NULL);
		return;
	}
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	publish_attempt(request, EVENT_ACQUIRED);
	reply_opened(request, true, lock->foreign);
}

/* Opens the lock for its holder. */
static void open_held(struct request *request, const struct lock *lock)
{
	if ((request->info.flags & O_TRUNC) && lock->mode == LOCK_EXCLUSIVE) {
		backend_truncate(request->mount->backend, request->key, &request->claim,
			match_token(node_token(request->node)), 0, on_truncated_for_open, request);
		return;
	}
	publish_attempt(request, EVENT_ACQUIRED);
	reply_opened(request, true, lock->foreign);
}

static void on_opening(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	status = request_check_held(request, status, entry);
	if (status < 0 && status != -ESTALE)
		request_reply(request, status);
	else if (status == 0 && lock_is_held_by(&entry->lock, &request->claim) && !request->access.by_dir)
		open_held(request, &entry->lock);
	else
		open_unheld(request, status == 0 ? &entry->lock : NULL);
}

static void on_truncated_for_handle(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	(void)lock;
	if (status == 0 || status == -ENOENT || status == -EBUSY)
		reply_opened(request, false, false);
	else
		request_reply(request, status);
}

/* If the caller does not hold the lock, or may not write it, O_TRUNC does nothing. */
static void on_read_to_truncate(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status < 0 && status != -ENOENT)
		request_reply(request, status);
	else if (status == 0 && entry->kind == ENTRY_LOCK && lock_is_held_by(&entry->lock, &request->claim) &&
		access_allows(request, entry, W_OK))
		backend_truncate(request->mount->backend, request->key, &request->claim, match_token(entry->lock.token), 0,
			on_truncated_for_handle, request);
	else
		reply_opened(request, false, false);
}

/* Opens a node that belongs to a handle, such as /proc/self/fd/9. */
static void open_node_of_handle(struct request *request)
{
	if (!(request->info.flags & O_TRUNC))
		reply_opened(request, false, false);
	else if (request_identify_holder_or_reply(request))
		backend_read_as(request->mount->backend, request->key, &request->claim, match_any(), on_read_to_truncate, request);
}

static void open_allowed(struct request *request)
{
	bool is_handle = node_token(request->node) == 0;

	if (is_handle)
		stale_retries_got_handle(request->mount->retries, fuse_req_ctx(request->fuse)->pid, request->key);
	if (!request_count_file_or_reply(request))
		return;
	if (is_handle)
		open_node_of_handle(request);
	else if (request_identify_or_reply(request))
		backend_read_as(request->mount->backend, request->key, &request->claim, request_match(request), on_opening, request);
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
