/*
 * MKDIR, RMDIR, OPENDIR, READDIR, RELEASEDIR. Directories are namespaces of keys that all mounts share. In a view or mount with
 * `lockdir`, mkdir(2) acquires a lock, which is shown as an empty directory, and rmdir(2) releases it. A listing is
 * read whole at the first READDIR, as offsets must stay valid while names come and go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/quota.h"
#include "fs/kernel/notifier.h"
#include "fs/listing/dir_reads.h"
#include "fs/listing/dir_stream.h"
#include "fs/mount.h"
#include "fs/names/known_nodes.h"
#include "fs/names/node.h"
#include "fs/names/reserved_name.h"
#include "fs/names/view.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/* Making and removing */

static void on_made(void *ctx, int status)
{
	struct request *request = ctx;

	if (status < 0)
		request_reply(request, status);
	else
		request_reply_made_dir(request);
}

/* Acquires a lock that is shown as a directory. */
static void make_lock_dir(struct request *request)
{
	const struct view_options *view = node_view(request->node);
	struct acquire_options options = {
		.mode = LOCK_EXCLUSIVE,
		.patience = view->patience,
		.permissions = request->dir.mode & LOCK_PERMISSION_BITS,
		.form = FORM_DIRECTORY,
		/* As an exclusive creation. */
		.exclusive_even_for_me = true,
	};

	if (view_makes_unopened(view))
		acquire_start(request, &options, request_reply_made_lock);
	else
		request_reply(request, -EINVAL);
}

/* As on other filesystems, a directory in one with S_ISGID has its group and that bit. */
static void inherit_group(struct request *request)
{
	if (!(request->access.of.mode & S_ISGID))
		return;
	request->dir.gid = request->access.of.gid;
	request->dir.mode |= S_ISGID;
}

static void make_dir(struct request *request)
{
	const struct fuse_ctx *caller = fuse_req_ctx(request->fuse);
	int err = reserve_check(request->mount->reserve);

	/* The kernel will keep the node of the directory and is never asked to forget it. Refused here, nothing was made. */
	if (err == 0)
		err = known_nodes_admit_next(&request->mount->nodes->known, caller->uid, notifier_pending_forgets(request->mount->notifier));
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	inherit_group(request);
	if (attr_shows_lock_dirs(request->mount, request->node))
		make_lock_dir(request);
	else
		backend_make_dir(request->mount->backend, request->key, &request->dir, on_made, request);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct request *request = request_on_name(req, parent, name, NULL);
	const struct fuse_ctx *caller = fuse_req_ctx(req);

	if (!request)
		return;
	request->dir = (struct dir_info){
		.mode = mode & 07777,
		.uid = caller->uid,
		.gid = caller->gid,
		.changed_ms = epoch_ns() / NS_PER_MS,
	};
	request->dir.modified_ms = request->dir.changed_ms;
	access_check(request, access_change, make_dir);
}

static void on_removed(void *ctx, int status)
{
	struct request *request = ctx;
	struct node_table *nodes = request->mount->nodes;

	if (status == 0) {
		/* The kernel treats the node as dead, so the next directory of this name must get another one. */
		struct node *node = node_peek(nodes, NODE_DIR, request->node->name.view, 0, request->key);

		if (node)
			node_unname(nodes, node);
	}
	/* The name that the kernel has found was a lock that is shown as a directory, or is one by now. */
	if (status == -ENOTDIR && attr_shows_lock_dirs(request->mount, request->node))
		lock_unlink(request);
	else
		request_reply(request, status);
}

/* Returns the node of the lock that is shown as a directory and that the kernel has just found by this name, or NULL. */
static const struct node *found_lock(const struct request *request)
{
	const struct node *found = node_find(request->mount->nodes, request->node->found_last);
	bool is_it = found && node_is_of_holding(found) && S_ISDIR(found->permissions.mode) &&
		strcmp(found->name.path, request->key) == 0;

	return is_it ? found : NULL;
}

static void remove_dir(struct request *request)
{
	const struct node *lock = found_lock(request);

	if (lock) {
		/* The next holder may have made a file. */
		if (request->access.match.any)
			request->access.match = match_token(lock->name.token);
		lock_unlink(request);
	} else {
		backend_remove_dir(request->mount->backend, request->key, on_removed, request);
	}
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);

	if (request)
		access_check_removal(request, remove_dir, request_reply);
}

/* Reading */

static struct dir_stream *dir_stream_of(const struct fuse_file_info *info)
{
	return (struct dir_stream *)(uintptr_t)info->fh;
}

static void close_dir_stream(struct mount *mount, struct dir_stream *stream)
{
	dir_reads_give_up(stream, -EINTR);
	quota_give(mount->streams_quota, stream->uid, 1);
	dir_stream_close(&mount->dir_streams, stream);
}

static void open_dir(struct request *request)
{
	struct mount *mount = request->mount;
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	int err = reserve_check(mount->reserve);
	struct dir_stream *stream;

	if (err == 0)
		err = quota_take(mount->streams_quota, uid, 1);
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	stream = dir_stream_open(&mount->dir_streams, mount->listings_quota, uid);
	if (!stream) {
		quota_give(mount->streams_quota, uid, 1);
		request_reply(request, -ENOMEM);
		return;
	}
	request->info.fh = (uintptr_t)stream;
	if (fuse_reply_open(request->fuse, &request->info) < 0)
		close_dir_stream(mount, stream);
	request_end(request);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (request)
		access_check(request, access_read, open_dir);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	close_dir_stream(mount_of(req), dir_stream_of(info));
	fuse_reply_err(req, 0);
}

/* Offsets 0 and 1 are `.` and `..`; the offset of every other entry is its position in the stream plus FIRST_ENTRY. */
enum { DOT, DOT_DOT, FIRST_ENTRY };

/* The inode number of a name; 0 for the key of another Redis client if it is too long to be looked up. */
static ino_t child_inode(const struct request *request, const char *name)
{
	char path[LOCK_KEY_MAX + 1];

	return name_join(request->key, name, path) == 0 ? path_inode(path) : 0;
}

/* The type of an entry for readdir(3); 0: whoever wants to know looks the name up. */
static mode_t type_of(const struct request *request, const struct list_item *item)
{
	return item->kind == ENTRY_DIR ? S_IFDIR : attr_type(request->mount, request->node, item->form);
}

/* Adds the entry at `*offset`, if it fits, and advances `*offset`. Returns the size of the entry; 0: there are no more. */
static size_t add_dirent(const struct request *request, off_t *offset, char *buffer, size_t size)
{
	static const char *const dots[] = { [DOT] = ".", [DOT_DOT] = ".." };
	struct stat attr = { .st_mode = S_IFDIR };
	struct list_item item = { .kind = ENTRY_DIR };
	off_t next = *offset + 1;
	size_t added;

	if (*offset >= 0 && *offset < FIRST_ENTRY) {
		item.name = dots[*offset];
		attr.st_ino = path_inode(request->key);
	} else {
		size_t next_position;

		if (!dir_stream_at(dir_stream_of(&request->info), (size_t)*offset - FIRST_ENTRY, &item, &next_position))
			return 0;
		next = (off_t)next_position + FIRST_ENTRY;
		attr.st_ino = child_inode(request, item.name);
		attr.st_mode = type_of(request, &item);
	}
	added = fuse_add_direntry(request->fuse, buffer, size, item.name, &attr, next);
	if (added <= size)
		*offset = next;
	return added;
}

static void reply_dirents(struct request *request)
{
	size_t size = request->read.size;
	char *buffer = malloc(size);
	size_t used = 0;

	if (!buffer) {
		request_reply(request, -ENOMEM);
		return;
	}
	for (off_t offset = request->read.offset;;) {
		size_t added = add_dirent(request, &offset, buffer + used, size - used);

		if (added == 0 || added > size - used)
			break;
		used += added;
	}
	request_reply_buf(request, buffer, used);
	free(buffer);
}

static void on_listed(void *ctx, int status)
{
	struct request *request = ctx;

	if (status < 0)
		request_reply(request, status);
	else
		reply_dirents(request);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	request->read.size = size;
	request->read.offset = offset;
	/* The names stay in memory until RELEASEDIR. */
	if (offset == 0 && reserve_check(request->mount->reserve) < 0)
		request_reply(request, -ENOMEM);
	else if (offset == 0 && node_kind(request->node) == NODE_DIR)
		dir_reads_start(request->mount->dir_reads, dir_stream_of(&request->info), request->key, req, on_listed, request);
	else
		reply_dirents(request);
}
