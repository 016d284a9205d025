/*
 * LOOKUP, FORGET, GETATTR, ACCESS: finds the node of a name, shows its attributes, and tells what a caller may do. A
 * LOOKUP may be stale, as CREATE and UNLINK decide atomically in the backend; but the kernel answers EEXIST to an
 * exclusive creation by itself if LOOKUP found the name, so a lock must not be found after its lease has ended.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "fs/kernel/notifier.h"
#include "fs/mount.h"
#include "fs/names/known_nodes.h"
#include "fs/names/node.h"
#include "fs/names/reserved_name.h"
#include "fs/names/stale_retry.h"
#include "fs/names/view.h"
#include "fs/options.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/*
 * How many seconds the kernel may find a name without asking. It would not ask either whether a caller may search the
 * directory. `.with`, in which the roots of views are, may be searched by all.
 */
static double entry_timeout(const struct mount *mount, const struct node *node)
{
	enum { SEARCHED_BY_ALL = 0111 };

	if (node_kind(node) == NODE_WITH && (mount->options->mode & SEARCHED_BY_ALL) != SEARCHED_BY_ALL)
		return 0;
	return view_hides(node->name.view) ? 0 : ATTR_TIMEOUT_FIXED;
}

/* Replies with a node that needs no backend, and whose lookup was counted. `node` is NULL without memory. */
static void reply_fixed(fuse_req_t req, struct node *node)
{
	struct mount *mount = mount_of(req);
	struct fuse_entry_param reply;

	if (!node) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (!request_admits_node(req, node)) {
		fuse_reply_err(req, ENFILE);
		return;
	}
	reply = (struct fuse_entry_param){
		.ino = node->number,
		.attr = attr_of_fixed(mount, node),
		.attr_timeout = ATTR_TIMEOUT_FIXED,
		.entry_timeout = entry_timeout(mount, node),
	};
	if (fuse_reply_entry(req, &reply) < 0)
		node_forget(mount->nodes, node, 1);
}

static void look_up_with(struct request *request)
{
	reply_fixed(request->fuse, node_look_up(request->mount->nodes, NODE_WITH, NULL, 0, "", 0));
	request_end(request);
}

static void look_up_view(fuse_req_t req, const char *text)
{
	struct mount *mount = mount_of(req);
	struct node_table *nodes = mount->nodes;
	struct view *view = NULL;
	int err = reserve_check(mount->reserve);

	if (err == 0)
		err = view_get(&nodes->views, text, &view);
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	reply_fixed(req, node_look_up(nodes, NODE_DIR, view, dir_token(nodes, view), "", fuse_req_ctx(req)->uid));
	view_put(&nodes->views, view);
}

/* Is this a lock that the caller may acquire by exclusive creation in a view that hides those? */
static bool is_hidden_by_view(struct request *request, const struct entry *entry)
{
	const struct view *view = request->node->name.view;

	if (entry->kind != ENTRY_LOCK || !view_hides(view))
		return false;
	return !lock_is_held_by(&entry->lock, &request->claim) ||
		(entry->lock.mode == LOCK_SHARED && view_hides_own_shared(view));
}

/*
 * Is this a lock with several holdings, of which one may be the caller's? Then identifies the caller, as the node is to stand
 * for that one; the holdings of most locks need no caller to be found.
 */
static bool may_be_one_of_several(struct request *request, int status, const struct entry *entry)
{
	return status == 0 && entry->kind == ENTRY_LOCK && entry->lock.holders > 1 && !request->claim.identity &&
		!request->claim.id && request_identify(request) == 0;
}

/* Replies to the LOOKUP of an open(2) that is to get a handle: with a node that no other LOOKUP finds. */
static void reply_handle_node(struct request *request)
{
	struct node *node;
	struct fuse_entry_param reply;
	int err = request_make_handle_node(request, LOCK_PERMISSIONS, &node);

	if (err < 0) {
		request_reply(request, err);
		return;
	}
	reply = (struct fuse_entry_param){ .ino = node->number, .attr = attr_of_ended(node) };
	/* sendfile(2) and splice(2) read up to the last known size, so it must not be too small; a short read corrects it. */
	reply.attr.st_size = LOCK_CONTENT_MAX;
	if (fuse_reply_entry(request->fuse, &reply) < 0)
		node_forget(request->mount->nodes, node, 1);
	request_end(request);
}

static void on_looked_up(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (may_be_one_of_several(request, status, entry)) {
		backend_read_as(request->mount->backend, request->key, &request->claim, match_any(), on_looked_up, request);
		return;
	}
	if (status == 0 && is_hidden_by_view(request, entry))
		status = -ENOENT;
	if (status < 0)
		request_reply(request, status);
	else if (request->finds_handle && entry->kind == ENTRY_LOCK)
		reply_handle_node(request);
	else
		request_reply_entry(request, entry);
}

/* Reads the lock from the backend's cache, see backend_read_cached(). Returns false if it is not there. */
static bool read_cached(struct request *request, struct lock *ret)
{
	request->from_cache = boot_ns() >= request->mount->no_cache_until_ns &&
		backend_read_cached(request->mount->backend, request->key, ret);
	return request->from_cache;
}

static void look_up(struct request *request)
{
	struct entry entry = { .kind = ENTRY_LOCK };
	pid_t thread = fuse_req_ctx(request->fuse)->pid;
	const char *link = stale_retries_followed_link(request->mount->retries, thread, request->key);
	enum handle_wanted handle;

	/* A symbolic link that is followed leads to a handle of its own lock, whatever its target names (symlink.c). */
	if (link) {
		snprintf(request->key, sizeof(request->key), "%s", link);
		reply_handle_node(request);
		return;
	}
	handle = stale_retries_handle(request->mount->retries, thread, request->key);
	request->finds_handle = handle != HANDLE_NOT_WANTED;
	if (handle == HANDLE_WANTED) {
		reply_handle_node(request);
		return;
	}
	/* Only a view that hides locks needs the identity, to find the caller's own lock: the kernel answers EEXIST then. */
	if (!view_hides(request->node->name.view) || request_identify(request) < 0)
		request_claim_given_id(request);
	if (read_cached(request, &entry.lock))
		on_looked_up(request, 0, &entry);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, match_any(), on_looked_up, request);
}

/*
 * May the kernel be asked to forget this name? A lock or handle without open files and the root of a view may be forgotten.
 * A name in a view that hides locks may not: the notification waits for the directory, which a waiting CREATE keeps
 * locked. A directory of the tree may not: the kernel would unmount a file system that is mounted on it.
 */
static bool may_be_forgotten(const struct known_node *known)
{
	const struct node *node = container_of(known, struct node, known);

	if (view_hides(node->name.view))
		return node_kind(node) == NODE_DIR && !*node->name.path;
	if (node_is_lock(node))
		return node->files == 0;
	return node_kind(node) == NODE_DIR && node->name.view && !*node->name.path;
}

/* Asks the kernel to forget the names that were looked up longest ago, if there are too many. */
static void forget_excess(struct mount *mount, uid_t uid)
{
	enum { FOR_EACH_NEW = 2 }; /* names: the lookup that is being served adds one, so the number shrinks by one */

	mount->nodes->known.is_short = mount->reserve->is_freed;
	for (int i = 0; i < FOR_EACH_NEW; i++) {
		struct known_node *known = known_nodes_excess(&mount->nodes->known, uid, may_be_forgotten);
		const struct node *node = known ? container_of(known, struct node, known) : NULL;
		const struct node *parent = node ? node_parent(mount->nodes, node) : NULL;

		if (parent)
			notifier_forget(mount->notifier, parent->number, node_base_name(node));
	}
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *mount = mount_of(req);
	const struct node *dir = node_find(mount->nodes, parent);
	struct request *request;

	forget_excess(mount, fuse_req_ctx(req)->uid);
	/* A lock that is shown as a directory is empty. */
	if (dir && node_is_lock(dir)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if (dir && node_kind(dir) == NODE_WITH) {
		look_up_view(req, name);
		return;
	}
	if (dir == mount->nodes->root && strcmp(name, WITH_NAME) == 0) {
		request = request_on_node(req, parent, NULL);
		if (request)
			access_check(request, access_search, look_up_with);
		return;
	}
	if (name_is_reserved(name)) {
		control_file_look_up(req, parent, name);
		return;
	}
	request = request_on_name(req, parent, name, NULL);
	if (request)
		access_check(request, access_search, look_up);
}

static void forget(struct mount *mount, fuse_ino_t number, uint64_t count)
{
	struct node *node = node_find(mount->nodes, number);

	if (node)
		node_forget(mount->nodes, node, count);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	forget(mount_of(req), ino, count);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(mount_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/*
 * Replies with the attributes of a free or ended lock. fstat(2) on its descriptor must succeed. So must a GETATTR by
 * path right after the LOOKUP: the kernel sends it within open(2), which would fail although it could have created
 * the lock.
 */
static void reply_ended(struct request *request)
{
	struct stat attr = attr_of_ended(request->node);

	fuse_reply_attr(request->fuse, &attr, 0);
	request_end(request);
}

/* Did the backend answer that the directory or holding of the node exists, or for a handle that the lock is held? */
static bool is_there(struct request *request, int status, const struct entry *entry)
{
	if (node_kind(request->node) == NODE_DIR)
		return status == 0 && entry->kind == ENTRY_DIR;
	if (!request->token)
		return status == 0 && entry->kind == ENTRY_LOCK;
	return request_finds_holding(request, status, entry);
}

static void on_attr(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (!is_there(request, status, entry) && status == 0)
		status = -ENOENT;
	if (status == -ENOENT && request_cache_was_wrong(request))
		status = request_stale_or(request, -ENOENT);
	if (status == -ENOENT && node_is_lock(request->node))
		reply_ended(request);
	else if (status < 0)
		request_reply(request, status);
	else
		request_reply_attr(request, entry);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	if (attr_is_fixed(request->node)) {
		struct stat attr = attr_of_fixed(request->mount, request->node);

		fuse_reply_attr(req, &attr, ATTR_TIMEOUT_FIXED);
		request_end(request);
	} else if (node_is_control(request->node)) {
		control_file_reply_attr(req, request->node);
		request_end(request);
	} else if (request_has_ended(request)) {
		reply_ended(request);
	} else {
		/* In a view with the holder's id, the caller is shown as the owner. */
		request_claim_given_id(request);
		backend_read_as(request->mount->backend, request->key, &request->claim, request_match(request), on_attr, request);
	}
}

static void reply_allowed(struct request *request)
{
	request_reply(request, 0);
}

/* access(2), chdir(2) and fchdir(2). access(2) asks for the real user, who is the one in the request then. */
void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct request *request = request_on_node(req, ino, NULL);

	if (!request)
		return;
	request->access.mask = mask & (R_OK | W_OK | X_OK);
	access_check(request, access_by_mask, reply_allowed);
}
