/*
 * CREATE: an exclusive creation acquires the lock, every other one opens a handle; in some views, creating for writing
 * acquires as well. The kernel holds the directory locked until the reply, so a creation waits only in a view whose
 * directory node is private to this caller (see dir_token() in node.h). See lockfs(5), PLAIN OPERATIONS.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/renewal.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/patience.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/opening.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* In a view with `hold`, binds the new holding to its file. Returns 0 or a negative errno. */
static int bind_if_held(struct request *request, struct lock_file *file, const struct lock *lock)
{
	const struct view_options *view = node_view(request->node);
	int err;

	if (!view->hold)
		return 0;
	err = lock_file_bind(file, lock, request->acquire.id, view->signal, request->acquire.recipient);
	if (err < 0)
		return err;
	request->acquire.recipient = NULL;
	file->flocked = true;
	file->flock_mode = file->mode;
	return 0;
}

/* Makes the open file of the new holding. Returns NULL and sets `ret_err` if that fails. */
static struct lock_file *open_acquired(struct request *request, const struct lock *lock, int *ret_err)
{
	struct lock_file *file = request_open_file(request, lock->token, request->caller.process);

	*ret_err = -ENOMEM;
	if (!file)
		return NULL;
	file->may_write = true;
	file->may_lock = true;
	file->acquired = lock->token;
	file->mode = lock->mode;
	file->id = strdup(request->acquire.id);
	if (file->id)
		*ret_err = bind_if_held(request, file, lock);
	if (*ret_err == 0)
		return file;
	lock_file_close(file);
	return NULL;
}

/*
 * 50 ms. Before open(2) returns, the kernel asks for the attributes of the new file, unless it has them: if the backend
 * failed just then, open(2) would fail although the lock is acquired. A handle has no such time: another session may
 * acquire the lock meanwhile, which fstat(2) must show.
 */
#define CREATED_ATTR_TIMEOUT 0.05

/* Replies with an open file and its node (NULL: no memory). Returns false if the kernel did not take them. */
static bool reply_created(struct request *request, struct lock_file *file, struct node *node, const struct stat *attr)
{
	struct fuse_entry_param reply;

	if (!node) {
		fuse_reply_err(request->fuse, ENOMEM);
		return false;
	}
	reply = (struct fuse_entry_param){
		.ino = node->number,
		.attr = *attr,
		.attr_timeout = file->acquired ? CREATED_ATTR_TIMEOUT : 0,
	};
	request->info.fh = (uintptr_t)file;
	request->info.direct_io = 1;
	request->info.noflush = !lock_file_flushes(file); /* close(2) of what it created costs no request that it waits for */
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
		node_belongs_to(node, attr.st_mode, attr.st_uid, attr.st_gid);
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

/* Makes an open file that acquires nothing: of the holding `token`, or a handle. Returns NULL after replying. */
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

/* As reply_created(), for a file that acquired nothing. Ends the request, and undoes what the kernel did not take. */
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

/* Replies with a handle on a node of its own, which no LOOKUP finds. */
static void reply_handle(struct request *request)
{
	struct lock_file *file = open_unacquired(request, 0);
	struct node *node;
	struct stat attr;
	int err;

	if (!file)
		return;
	err = request_make_handle_node(request, request->permissions, &node);
	if (err < 0) {
		lock_file_close(file);
		request_reply(request, err);
		return;
	}
	attr = attr_of_ended(node);
	end_created(request, file, node, &attr);
}

/* Opens a lock that the caller already holds, as op_open() does if the kernel has found the name. */
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
	if (!lock->linked)
		attr.st_ino = path_inode(request->key);
	if (node)
		node_belongs_to(node, attr.st_mode, attr.st_uid, attr.st_gid);
	if (end_created(request, file, node, &attr)) {
		inotify_watches_add(mount->inotify, node, lock, false);
		backend_publish(mount->backend, EVENT_ACQUIRED, node->name.path, match_token(lock->token));
	}
}

static void on_existing_truncated(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	if (status == 0)
		reply_existing(request, lock);
	else if (status == -ENOENT)
		request_reply(request, stale_retry_or(request->mount->retries, fuse_req_ctx(request->fuse), request->key, 0, -EBUSY));
	else
		request_reply(request, status);
}

/* The content of a shared lock cannot be changed, and O_TRUNC does nothing. */
static void open_existing(struct request *request, const struct lock *lock)
{
	struct mount *mount = request->mount;

	/* The lock is a symbolic link or directory since the LOOKUP. The kernel finds that when it looks the name up again. */
	if (!S_ISREG(attr_type(mount, request->node, lock->form)))
		request_reply(request, stale_retry_or(mount->retries, fuse_req_ctx(request->fuse), request->key, 0, -EEXIST));
	else if ((request->info.flags & O_TRUNC) && lock->mode == LOCK_EXCLUSIVE)
		backend_truncate(mount->backend, request->key, &request->claim, match_token(lock->token), 0,
			on_existing_truncated, request);
	else
		reply_existing(request, lock);
}

static void on_created(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	int flags = request->info.flags;

	if (status == 0) {
		reply_acquired(request, lock);
		return;
	}
	request_drop_recipient(request);
	/* The directory has as many locks as its limit. */
	if (status == -EBUSY && !lock) {
		request_reply(request, -EBUSY);
		return;
	}
	/* Another caller holds the lock, and the flags allow a handle on it. */
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

static void acquire_by_creating(struct request *request)
{
	const struct view_options *view = node_view(request->node);
	struct acquire_options options = {
		.mode = view->mode,
		.permissions = request->permissions,
		.patience = view->patience,
		.bound = view->hold,
		/* An exclusive creation meets the locks of its own session as those of others. */
		.exclusive_even_for_me = (request->info.flags & O_EXCL) &&
			(patience_any(&view->patience) || view_hides_own_shared(request->node->name.view)),
	};
	int err = 0;

	/* Only the renewal of a bound holding notices a loss and sends the signal. */
	if (view->signal && !view->hold) {
		err = -EINVAL;
	} else if (view->signal) {
		err = request_identify(request);
		if (err == 0)
			err = request_take_recipient(request, request->caller.process);
	}
	if (err < 0)
		request_reply(request, err);
	else
		acquire_start(request, &options, on_created);
}

static void on_read_for_handle(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == 0 && entry->kind == ENTRY_DIR)
		status = -EISDIR;
	/*
	 * A lock that was acquired meanwhile is treated as acquired after this creation: programs that lock by turns
	 * would otherwise get ESTALE.
	 */
	if (status == 0 || status == -ENOENT)
		reply_handle(request);
	else
		request_reply(request, status);
}

static void create(struct request *request)
{
	stale_retries_got_handle(request->mount->retries, fuse_req_ctx(request->fuse)->pid, request->key);
	if (!request_count_file_or_reply(request))
		return;
	if ((request->info.flags & O_EXCL) || request_writes_to_acquire(request))
		acquire_by_creating(request);
	else
		backend_read(request->mount->backend, request->key, on_read_for_handle, request);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct request *request = request_on_name(req, parent, name, info);

	if (!request)
		return;
	request->info.fh = 0;
	request->permissions = mode & LOCK_PERMISSION_BITS;
	access_check(request, access_change, create);
}
