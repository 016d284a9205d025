/* Acquire, release, refresh: CONTRACT section 3. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "fs/attr.h"
#include "fs/log.h"
#include "fs/ops.h"
#include "fs/request.h"

/* Acquire */

static int make_id(char id[LOCK_ID_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bits[16];

	if (getrandom(bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		return -EIO;
	for (size_t i = 0; i < sizeof(bits); i++) {
		*id++ = digits[bits[i] >> 4];
		*id++ = digits[bits[i] & 0xf];
	}
	*id = '\0';
	return 0;
}

/* Nobody took the answer, so nobody holds it: the lock is given back by its id. */
static void on_undone(void *ctx, int status)
{
	struct request *request = ctx;

	if (status < 0 && status != -ENOENT)
		log_line(LOG_WARNING, "a lock whose caller is gone stays until its lease ends: %s", strerror(-status));
	request_end(request);
}

static void undo_acquire(struct request *request)
{
	request->claim = (struct lock_claim){ .id = request->acquire.id };
	backend_release(request->fs->backend, request->key, &request->claim, 0, on_undone, request);
}

/* Replies with a new open file of the holding `token`; 0: a handle of a free lock. */
static void reply_create(struct request *request, uint64_t token, const struct stat *attr)
{
	struct fs *fs = request->fs;
	struct file *file = file_open(&fs->holdings, request->key, token, request->caller.process);
	struct node *node = node_look_up(&fs->nodes, NODE_LOCK, request->node->name.view, token, request->key);
	struct fuse_entry_param reply;
	int err = -ENOMEM;

	if (file && node) {
		reply = (struct fuse_entry_param){ .ino = node->number, .attr = *attr };
		request->info.fh = (uintptr_t)file;
		request->info.direct_io = 1;
		err = fuse_reply_create(request->fuse, &reply, &request->info);
	} else {
		fuse_reply_err(request->fuse, ENOMEM);
	}
	if (err == 0) {
		request_end(request);
		return;
	}
	if (node)
		node_forget(&fs->nodes, node, 1);
	if (file)
		file_close(&fs->holdings, file);
	if (token)
		undo_acquire(request);
	else
		request_end(request);
}

static void on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	bool exclusive = request->info.flags & O_EXCL;

	if (status == 0) {
		struct entry entry = { .kind = ENTRY_LOCK, .lock = *lock };
		struct stat attr = attr_of_entry(request->fs, request->node, &entry, fuse_req_ctx(request->fuse));

		attr.st_ino = path_inode(request->key);
		reply_create(request, lock->token, &attr);
		return;
	}
	if (exclusive && (status == -EBUSY || status == -EISDIR))
		status = -EEXIST;
	/* Taken by the caller's own side meanwhile: the kernel looks again, and opens what it finds. */
	if (!exclusive && status == -EEXIST)
		status = -ESTALE;
	request_reply(request, status);
}

static void acquire(struct request *request)
{
	struct fs *fs = request->fs;
	const struct fuse_ctx *asker = fuse_req_ctx(request->fuse);
	struct acquisition *acquisition = &request->acquire.acquisition;
	const char *id = given_id(fs, request->node);

	request_identify(request);
	if (id) {
		stpcpy(request->acquire.id, id);
	} else {
		int err = make_id(request->acquire.id);

		if (err < 0) {
			request_reply(request, err);
			return;
		}
	}
	caller_describe(&fs->callers, &request->caller, asker->uid, &request->acquire.description);
	*acquisition = (struct acquisition){
		.key = request->key,
		.holder = {
			.claim = { .id = request->acquire.id, .identity = request->claim.identity },
			.user = request->acquire.description.user,
			.host = fs->callers.host,
			.place = fs->callers.place,
			.command = request->acquire.description.command,
			.pid = request->caller.process,
			.uid = asker->uid,
			.gid = asker->gid,
		},
		.ttl_ms = node_view(request->node)->ttl_ms,
		.fallback_ttl_ms = fs->options->ttl_ms,
		.done = on_acquired,
		.ctx = request,
	};
	backend_acquire(fs->backend, acquisition);
}

/* Opening for reading with O_CREAT, as flock(1) does, acquires nothing. */
static void on_handle(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct stat attr;

	(void)entry;
	if (status == 0)
		status = -ESTALE; /* it was acquired meanwhile: the kernel looks again */
	if (status != -ENOENT) {
		request_reply(request, status);
		return;
	}
	attr = attr_of_ended(request->key);
	reply_create(request, 0, &attr);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
	struct request *request = request_on_name(req, parent, name, info);

	(void)mode;
	if (!request)
		return;
	if ((info->flags & O_ACCMODE) == O_RDONLY && !(info->flags & O_EXCL))
		backend_read(request->fs->backend, request->key, on_handle, request);
	else
		acquire(request);
}

/* Release */

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);
	const struct lock_claim *claim = NULL;

	if (!request)
		return;
	if (!node_view(request->node)->force) {
		request_identify(request);
		claim = &request->claim;
	}
	backend_release(request->fs->backend, request->key, claim, 0, request_done, request);
}

/* Refresh, and the other things that setattr does */

static void reply_lock_attr(struct request *request, int status, const struct lock *lock)
{
	struct entry entry = { .kind = ENTRY_LOCK };

	if (status == -ENOENT)
		status = ended_status(request);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
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

	if (status == 0 && !entry_is_holding(status, entry, request->node->name.token))
		status = -ENOENT;
	reply_lock_attr(request, status, status < 0 ? NULL : &entry->lock);
}

static void on_refreshed(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	/* touch(1) sets times right after it has created: that is no refresh of a lock that never expires. */
	if (status == -ENOTSUP && holdings_acquired_by(&request->fs->holdings, request->node->name.token,
					  request->caller.process))
		backend_read(request->fs->backend, request->key, on_never_read, request);
	else
		reply_lock_attr(request, status, lock);
}

static void set_lock_attr(struct request *request, const struct stat *attr, int which)
{
	struct backend *backend = request->fs->backend;
	uint64_t token = request->node->name.token;

	if (which & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		request_reply(request, -EPERM);
		return;
	}
	if (node_is_free_handle(request->node)) { /* it has nothing to set */
		request_reply(request, -ESTALE);
		return;
	}
	request_identify(request);
	if (which & FUSE_SET_ATTR_SIZE)
		backend_truncate(backend, request->key, &request->claim, token, attr->st_size, on_truncated,
			request);
	else
		backend_refresh(backend, request->key, &request->claim, token, node_view(request->node)->ttl_ms,
			on_refreshed, request);
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
		backend_read(request->fs->backend, request->key, on_dir_read, request);
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
	backend_configure_dir(request->fs->backend, request->key, settings, &request->dir, on_dir_configured,
		request);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	if (attr_is_fixed(request->node))
		request_reply(request, -EPERM);
	else if (node_kind(request->node) == NODE_DIR)
		set_dir_attr(request, attr, which);
	else
		set_lock_attr(request, attr, which);
}
