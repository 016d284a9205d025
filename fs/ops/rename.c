/*
 * RENAME: moves a holding that the caller has to a free name, or replaces the content of another lock that the caller holds,
 * in one step for all mounts. The lock of another is never replaced. See lockfs(5), PLAIN OPERATIONS.
 *
 * A request about the old name lives until the caller may remove that; the other one, about the new name, acquires.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/posix_lock.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/view.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static bool is_exclusive(const struct request *request)
{
	return request->rename.flags & RENAME_NOREPLACE;
}

/* The kernel has moved the name: the node that it found, if in the same view, is asked for by the new name from now on. */
static void move_found(struct request *request)
{
	struct node *node = node_find(request->mount->nodes, request->rename.found);

	/* Without memory the kernel cannot be asked to forget the name, until it finds it again. */
	if (node && node->name.view == request->node->name.view && !node->moved_key)
		(void)node_move(node, request->key);
}

static void on_moved(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	struct mount *mount = request->mount;

	if (status == 0)
		lock_files_move(mount->lock_files, request->text, lock->ended_source, lock);
	if (status == 0 || status == -EEXIST)
		move_found(request);
	/* The content of a lock that the caller holds was replaced, and the files of the source were told of its end. */
	if (status == -EEXIST)
		status = 0;
	if (status == 0)
		inotify_watches_removed(mount->inotify, request->rename.view, request->text);
	else if (is_exclusive(request) && status == -EBUSY && lock)
		status = -EEXIST;
	request_reply(request, status);
}

/* Checked before the backend is asked, as the locks of fcntl(2) would not move. */
static bool is_locked_by_fcntl(const struct request *request)
{
	return posix_locks_have(request->mount->lock_files->posix_locks, request->text);
}

static void move(struct request *request)
{
	const struct acquire_options options = {
		.mode = LOCK_EXCLUSIVE,
		.source = request->text,
		.source_match = request->rename.source_match,
		.moves = true,
		.exclusive_even_for_me = is_exclusive(request),
	};

	if (!view_makes_unopened(node_view(request->node)) || (request->rename.flags & ~(unsigned int)RENAME_NOREPLACE))
		request_reply(request, -EINVAL);
	else if (is_locked_by_fcntl(request))
		request_reply(request, -EBUSY);
	else
		acquire_start(request, &options, on_moved);
}

/* Returns the number of the node that the kernel found for the old name; 0: it has found another name since. */
static fuse_ino_t found_source(const struct request *source)
{
	const struct node *found = node_find(source->mount->nodes, source->node->found_last);

	return found && node_is_of_holding(found) && strcmp(found->name.path, source->key) == 0 ? found->number : 0;
}

/* Goes on with the new name, after the old one may be removed. */
static void check_new_name(struct request *source)
{
	struct request *request = source->target;

	request->rename.source_match = source->access.match;
	request->rename.view = source->node->name.view;
	request->rename.found = found_source(source);
	request->text = strdup(source->key);
	request_end(source);
	if (request->text)
		access_check_removal(request, move, request_reply);
	else
		request_reply(request, -ENOMEM);
}

static void refuse(struct request *source, int status)
{
	request_end(source->target);
	request_reply(source, status);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
               unsigned int flags)
{
	struct request *source = request_on_name(req, parent, name, NULL);
	struct request *request = source ? request_on_name(req, new_parent, new_name, NULL) : NULL;

	if (!request) {
		if (source)
			request_end(source);
		return;
	}
	request->rename.flags = flags;
	source->target = request;
	access_check_removal(source, check_new_name, refuse);
}
