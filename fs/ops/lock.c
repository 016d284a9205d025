/* Acquires, releases and refreshes locks: lockfs(5), PLAIN OPERATIONS. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fs/holdings/holding.h"
#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/renewal.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/patience.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/acquire.h"
#include "fs/ops/attr.h"
#include "fs/ops/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* Acquire */

/* Binds what was acquired to its file, in a view with `hold`. Returns 0 or a negative errno. */
static int hold_open(struct request *request, struct lock_file *file, const struct lock *lock)
{
	const struct view_options *view = node_view(request->node);
	int err;

	if (!view->hold)
		return 0;
	err = renewal_new(request->mount->renewals, lock, request->acquire.id, view->signal, request->acquire.recipient,
		&file->member.renewal);
	if (err == 0)
		request->acquire.recipient = NULL;
	return err;
}

/* An open file of what was acquired; NULL, and a negative errno, where it cannot be had. */
static struct lock_file *open_acquired(struct request *request, const struct lock *lock, int *ret_err)
{
	struct lock_file *file = request_open_file(request, lock->token, request->caller.process);

	*ret_err = -ENOMEM;
	if (!file)
		return NULL;
	file->may_write = true;
	file->may_lock = true;
	file->acquired = lock->token;
	file->id = strdup(request->acquire.id);
	if (file->id)
		*ret_err = hold_open(request, file, lock);
	if (*ret_err == 0)
		return file;
	lock_file_close(file);
	return NULL;
}

/*
 * The kernel asks for the attributes of what was created before open(2) returns, and
 * would let it fail where the backend is away by then, though the lock was had.
 */
#define CREATED_ATTR_S 0.05

/* Replies with a file and its node; false where there was no memory for that or nobody took the reply. */
static bool reply_created(struct request *request, struct lock_file *file, struct node *node, const struct stat *attr)
{
	struct fuse_entry_param reply;

	if (!node) {
		fuse_reply_err(request->fuse, ENOMEM);
		return false;
	}
	reply = (struct fuse_entry_param){ .ino = node->number, .attr = *attr, .attr_timeout = CREATED_ATTR_S };
	request->info.fh = (uintptr_t)file;
	request->info.direct_io = 1;
	if (fuse_reply_create(request->fuse, &reply, &request->info) < 0)
		return false;
	file->node = node->number;
	node->files++;
	node->creators += file->acquired != 0;
	return true;
}

static void reply_acquired(struct request *request, const struct lock *lock)
{
	struct mount *mount = request->mount;
	struct entry entry = { .kind = ENTRY_LOCK, .lock = *lock };
	struct stat attr = attr_of_entry(mount, request->node, &entry, fuse_req_ctx(request->fuse));
	int err;
	struct lock_file *file = open_acquired(request, lock, &err);
	struct node *node;

	request_drop_recipient(request);
	if (!file) {
		fuse_reply_err(request->fuse, -err);
		acquire_give_back(request, lock->token);
		return;
	}
	node = node_look_up(mount->nodes, NODE_ACQUIRED, request->node->name.view, lock->token, request->key,
		fuse_req_ctx(request->fuse)->uid);
	attr.st_ino = path_inode(request->key);
	if (node)
		node_belongs_to(node, attr.st_uid, attr.st_gid);
	if (reply_created(request, file, node, &attr)) {
		inotify_watches_add(mount->inotify, node, lock, true);
		request_end(request);
		return;
	}
	if (node)
		node_forget(mount->nodes, node, 1);
	lock_file_discard(file);
	acquire_give_back(request, lock->token);
}

/* A file that has acquired nothing itself. NULL: it was replied to. */
static struct lock_file *open_unacquired(struct request *request, uint64_t token)
{
	struct lock_file *file = request_open_file(request, token, 0);
	int err = file ? request_note_opener(request, file) : -ENOMEM;

	if (err == 0) {
		file->may_lock = true;
		return file;
	}
	if (file)
		lock_file_close(file);
	request_reply(request, err);
	return NULL;
}

/* Replies with that and its node (NULL: no memory). True if somebody took the reply. The request is ended. */
static bool end_created(struct request *request, struct lock_file *file, struct node *node, const struct stat *attr)
{
	bool taken = reply_created(request, file, node, attr);

	if (!taken) {
		if (node)
			node_forget(request->mount->nodes, node, 1);
		lock_file_close(file);
	}
	request_end(request);
	return taken;
}

/* A handle acquires nothing by itself: it is what flock(1) opens. */
static void reply_handle(struct request *request)
{
	struct mount *mount = request->mount;
	struct stat attr = { 0 };
	struct lock_file *file = open_unacquired(request, 0);
	struct node *node;

	if (!file)
		return;
	node = node_look_up(mount->nodes, NODE_UNLOCKED, request->node->name.view, node_unique(mount->nodes), request->key,
		fuse_req_ctx(request->fuse)->uid);
	if (node) {
		const struct fuse_ctx *asker = fuse_req_ctx(request->fuse);

		node_belongs_to(node, asker->uid, asker->gid);
		attr = attr_of_ended(node);
	}
	end_created(request, file, node, &attr);
}

/* The caller's own side has it already: opens it, as op_open() would where the kernel finds the name. */
static void reply_existing(struct request *request, const struct lock *lock)
{
	struct mount *mount = request->mount;
	struct entry entry = { .kind = ENTRY_LOCK, .lock = *lock };
	struct stat attr = attr_of_entry(mount, request->node, &entry, fuse_req_ctx(request->fuse));
	struct lock_file *file = open_unacquired(request, lock->token);
	struct node *node;

	if (!file)
		return;
	file->may_write = true;
	file->foreign = lock->foreign;
	node = request_look_up_lock(request, lock);
	attr.st_ino = path_inode(request->key);
	if (node)
		node_belongs_to(node, attr.st_uid, attr.st_gid);
	if (end_created(request, file, node, &attr)) {
		inotify_watches_add(mount->inotify, node, lock, false);
		backend_tell(mount->backend, EVENT_ACQUIRED, node->name.path, match_token(lock->token));
	}
}

static void on_existing_emptied(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	pid_t thread = fuse_req_ctx(request->fuse)->pid;

	if (status == 0)
		reply_existing(request, lock);
	else if (status == -ENOENT)
		request_reply(request, stale_retry_or(request->mount->retries, thread, request->key, 0, -EBUSY));
	else
		request_reply(request, status);
}

static void open_existing(struct request *request, const struct lock *lock)
{
	if (request->info.flags & O_TRUNC)
		backend_truncate(request->mount->backend, request->key, &request->claim, match_token(lock->token), 0,
			on_existing_emptied, request);
	else
		reply_existing(request, lock);
}

static void on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	int flags = request->info.flags;

	if (status == 0) {
		reply_acquired(request, lock);
		return;
	}
	request_drop_recipient(request);
	/* Taken by another meanwhile, and it can be opened all the same. */
	if (status == -EBUSY && opens_handle(flags)) {
		reply_handle(request);
		return;
	}
	if (!(flags & O_EXCL) && status == -EEXIST && lock) {
		open_existing(request, lock);
		return;
	}
	if ((flags & O_EXCL) && (status == -EBUSY || status == -EISDIR))
		status = -EEXIST;
	request_reply(request, status);
}

static void acquire(struct request *request)
{
	const struct view_options *view = node_view(request->node);
	struct acquire_options wish = {
		.patience = view->patience,
		.bound = view->hold,
		/* Two of one session who create exclusively are two. */
		.exclusive_even_for_me = (request->info.flags & O_EXCL) && patience_any(&view->patience),
	};
	int err = 0;

	if (view->signal)
		err = request_identify(request);
	if (err == 0)
		err = request_take_recipient(request, request->caller.process);
	if (err < 0)
		request_reply(request, err);
	else
		acquire_start(request, &wish, on_acquired);
}

static void on_handle(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	(void)entry;
	/* What was acquired meanwhile, was after this: who locks by turns with others would be told ESTALE else. */
	if (status == 0 || status == -ENOENT)
		reply_handle(request);
	else
		request_reply(request, status);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct request *request = request_on_name(req, parent, name, info);

	(void)mode;
	if (!request)
		return;
	request->info.fh = 0;
	if (!request_count_file_or_reply(request))
		return;
	/* Opening for reading with O_CREAT, as flock(1) does, acquires nothing. */
	if ((info->flags & O_ACCMODE) == O_RDONLY && !(info->flags & O_EXCL))
		backend_read(request->mount->backend, request->key, on_handle, request);
	else
		acquire(request);
}

/* Release */

static void on_unlinked(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == 0)
		inotify_watches_removed(request->mount->inotify, request->node->name.view, request->key);
	request_reply(request, status);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);
	const struct lock_claim *claim = NULL;

	if (!request)
		return;
	if (!node_view(request->node)->force) {
		if (!request_identify_or_reply(request))
			return;
		claim = &request->claim;
	}
	backend_release(request->mount->backend, request->key, claim, match_any(), on_unlinked, request);
}

/* Refresh, and the other things that setattr does */

static void reply_lock_attr(struct request *request, int status, const struct lock *lock)
{
	struct entry entry = { .kind = ENTRY_LOCK };

	if (status == -ENOENT) {
		request_reply_ended(request);
		return;
	}
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	holdings_adopt(request->mount->holdings, lock);
	entry.lock = *lock;
	request_reply_attr(request, &entry);
}

static void on_truncated(void *ctx, int status, const struct lock *lock)
{
	reply_lock_attr(ctx, status, lock);
}

static void on_never_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (!request_finds_holding(request, status, entry) && status == 0)
		status = -ENOENT;
	reply_lock_attr(request, status, status < 0 ? NULL : &entry->lock);
}

static void on_refreshed(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	/* touch(1) sets times right after it has created: that is no refresh of a lock that never expires. */
	if (status == -ENOTSUP &&
		lock_files_acquired_by(request->mount->lock_files, request->token, request->caller.process))
		backend_read(request->mount->backend, request->key, on_never_read, request);
	else
		reply_lock_attr(request, status, lock);
}

/* What changes a holding whose end was told is refused without asking: the backend might still have it. */
static void refuse_ended(struct request *request, int which)
{
	if (which & FUSE_SET_ATTR_SIZE)
		request_reply_stale(request, -ENOENT);
	else
		request_refuse_refresh(request);
}

static void set_lock_attr(struct request *request, const struct stat *attr, int which)
{
	struct backend *backend = request->mount->backend;
	const struct lock_claim *claim = &request->claim;
	int64_t ttl_ms = node_view(request->node)->ttl_ms;
	int err;

	if (which & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		request_reply(request, -EPERM);
		return;
	}
	/* A handle has nothing to set. */
	if (request->token == 0) {
		request_reply(request, -ESTALE);
		return;
	}
	if (request_has_ended(request)) {
		refuse_ended(request, which);
		return;
	}
	if (!request_identify_holder_or_reply(request))
		return;
	if (which & FUSE_SET_ATTR_SIZE) {
		err = attr->st_size > 0 ? reserve_check(request->mount->reserve) : 0;
		if (err < 0) {
			request_reply(request, err);
			return;
		}
		backend_truncate(backend, request->key, claim, match_token(request->token), attr->st_size,
			on_truncated, request);
		return;
	}
	err = holdings_admit_lease(request->mount->holdings, request->key, request->token, ttl_ms);
	if (err < 0)
		request_reply(request, err);
	else
		backend_refresh(backend, request->key, claim, match_token(request->token), ttl_ms, on_refreshed,
			request);
}

static void on_dir_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == 0 && entry->kind != ENTRY_DIR)
		status = -ENOENT;
	if (status < 0)
		request_reply(request, status);
	else
		request_reply_attr(request, entry);
}

static void on_dir_configured(void *ctx, int status)
{
	struct request *request = ctx;

	if (status < 0)
		request_reply(request, status);
	else
		backend_read(request->mount->backend, request->key, on_dir_read, request);
}

static void set_dir_attr(struct request *request, const struct stat *attr, int which)
{
	unsigned int settings = 0;

	request->dir = (struct dir_info){ .mode = attr->st_mode & 07777, .uid = attr->st_uid, .gid = attr->st_gid };
	if (which & FUSE_SET_ATTR_MODE)
		settings |= DIR_MODE;
	if (which & FUSE_SET_ATTR_UID)
		settings |= DIR_UID;
	if (which & FUSE_SET_ATTR_GID)
		settings |= DIR_GID;
	backend_configure_dir(request->mount->backend, request->key, settings, &request->dir, on_dir_configured,
		request);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	if (attr_is_fixed(request->node) || node_is_control(request->node))
		request_reply(request, -EPERM);
	else if (node_kind(request->node) == NODE_DIR)
		set_dir_attr(request, attr, which);
	else
		set_lock_attr(request, attr, which);
}
