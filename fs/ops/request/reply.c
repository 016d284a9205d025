/*
 * Replies with nodes, attributes, open files and data. The kernel does not take a reply whose caller was interrupted;
 * then it counts no lookup and sends no RELEASE, so the node or file is taken back here.
 */
#include "fs/ops/request/reply.h"

#include <errno.h>

#include "fs/caller/permission.h"
#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/kernel/notifier.h"
#include "fs/mount.h"
#include "fs/names/known_nodes.h"
#include "fs/names/node.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/* May the caller find the node `acquired`, which proves holding the lock? */
static bool may_find_acquired(struct request *request, const struct node *acquired, const struct lock *lock)
{
	if (acquired->creators == 0)
		return true;
	return request_identify(request) == 0 && lock_is_held_by(lock, &request->claim) &&
		lock_files_acquired_by(request->mount->lock_files, lock->token, request->caller.process);
}

struct node *request_look_up_lock(struct request *request, const struct lock *lock)
{
	struct node_table *nodes = request->mount->nodes;
	struct view *view = request->node->name.view;
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	struct node *acquired = node_peek(nodes, NODE_ACQUIRED, view, lock->token, request->key);

	if (acquired)
		acquired->eclipsed = node_peek(nodes, NODE_LOCK, view, lock->token, request->key) ||
			!may_find_acquired(request, acquired, lock);
	return node_look_up(nodes, acquired && !acquired->eclipsed ? NODE_ACQUIRED : NODE_LOCK, view, lock->token,
		request->key, uid);
}

bool request_admits_node(fuse_req_t fuse, struct node *node)
{
	struct mount *mount = mount_of(fuse);

	if (node->lookups > 1 ||
		known_nodes_admit(&mount->nodes->known, fuse_req_ctx(fuse)->uid, notifier_pending_forgets(mount->notifier)) == 0)
		return true;
	node_forget(mount->nodes, node, 1);
	return false;
}

int request_make_handle_node(struct request *request, mode_t permissions, struct node **ret)
{
	struct node_table *nodes = request->mount->nodes;
	const struct fuse_ctx *caller = fuse_req_ctx(request->fuse);
	struct node *node = node_look_up(nodes, NODE_UNLOCKED, request->node->name.view, node_unique(nodes), request->key,
		caller->uid);

	if (!node)
		return -ENOMEM;
	if (!request_admits_node(request->fuse, node))
		return -ENFILE;
	node->next_permissions = permissions;
	node_belongs_to(node, S_IFREG | permissions, caller->uid, caller->gid);
	*ret = node;
	return 0;
}

static struct node *look_up_dir(struct request *request)
{
	struct node_table *nodes = request->mount->nodes;
	struct view *view = request->node->name.view;

	return node_look_up(nodes, NODE_DIR, view, dir_token(nodes, view), request->key, fuse_req_ctx(request->fuse)->uid);
}

/* Remembers the permissions that the kernel is told. */
static void note_permissions(struct node *node, const struct stat *attr)
{
	struct permissions permissions = permissions_of_stat(attr);

	if (node_kind(node) == NODE_DIR)
		node_note_permissions(node, &permissions);
	else
		node_belongs_to(node, attr->st_mode, attr->st_uid, attr->st_gid);
}

/* Replies with a node whose lookup was counted. `node` is NULL without memory. */
static void reply_node(struct request *request, struct node *node, const struct entry *entry)
{
	struct mount *mount = request->mount;

	if (!node) {
		request_reply(request, -ENOMEM);
		return;
	}

	struct fuse_entry_param reply = {
		.ino = node->number,
		.attr = attr_of_entry(mount, node, entry, fuse_req_ctx(request->fuse)),
		.attr_timeout = attr_timeout(node),
	};
	stale_retries_looked_up(mount->retries, fuse_req_ctx(request->fuse)->pid, request->key, node->number);
	node->cached = request->from_cache;
	node->is_shared = entry->kind == ENTRY_LOCK && entry->lock.mode == LOCK_SHARED;
	note_permissions(node, &reply.attr);
	request->node->found_last = node->number;
	if (fuse_reply_entry(request->fuse, &reply) < 0)
		node_forget(mount->nodes, node, 1);
	else if (entry->kind == ENTRY_LOCK)
		inotify_watches_add(mount->inotify, node, &entry->lock, false);
	request_end(request);
}

void request_reply_entry(struct request *request, const struct entry *entry)
{
	struct node *node = entry->kind == ENTRY_LOCK ? request_look_up_lock(request, &entry->lock) :
		look_up_dir(request);

	if (node && !request_admits_node(request->fuse, node))
		request_reply(request, -ENFILE);
	else
		reply_node(request, node, entry);
}

void request_reply_made_dir(struct request *request)
{
	const struct entry entry = { .kind = ENTRY_DIR, .dir = request->dir };

	reply_node(request, look_up_dir(request), &entry);
}

static void reply_made_lock(struct request *request, const struct lock *lock)
{
	struct mount *mount = request->mount;
	const struct entry entry = { .kind = ENTRY_LOCK, .lock = *lock };
	struct node *node = request_look_up_lock(request, lock);
	struct fuse_entry_param reply;

	if (!node) {
		fuse_reply_err(request->fuse, ENOMEM);
		acquire_give_back(request, lock->token);
		return;
	}
	reply = (struct fuse_entry_param){
		.ino = node->number,
		.attr = attr_of_entry(mount, node, &entry, fuse_req_ctx(request->fuse)),
	};
	note_permissions(node, &reply.attr);
	request->node->found_last = node->number;
	if (fuse_reply_entry(request->fuse, &reply) < 0) {
		node_forget(mount->nodes, node, 1);
		acquire_give_back(request, lock->token);
		return;
	}
	inotify_watches_add(mount->inotify, node, lock, true);
	request_end(request);
}

void request_reply_made_lock(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	bool is_taken = (status == -EBUSY && lock) || status == -EISDIR; /* -EBUSY without a lock: there is no room */

	if (status == 0)
		reply_made_lock(request, lock);
	else
		request_reply(request, is_taken ? -EEXIST : status);
}

void request_reply_attr(struct request *request, const struct entry *entry)
{
	struct stat attr = attr_of_entry(request->mount, request->node, entry, fuse_req_ctx(request->fuse));

	note_permissions(request->node, &attr);
	fuse_reply_attr(request->fuse, &attr, attr_timeout(request->node));
	request_end(request);
}

void request_reply_open(struct request *request, struct lock_file *file)
{
	request->info.fh = (uintptr_t)file;
	file->node = request->node->number;
	request->info.direct_io = 1; /* no page cache: every read(2) asks for the present content */
	if (fuse_reply_open(request->fuse, &request->info) < 0)
		lock_file_close(file);
	else
		request->node->files++;
	request_end(request);
}

void request_reply_buf(struct request *request, const void *data, size_t size)
{
	fuse_reply_buf(request->fuse, data, size);
	request_end(request);
}
