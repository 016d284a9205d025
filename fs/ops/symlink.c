/*
 * SYMLINK and READLINK: a symbolic link is made exclusively by its nature, so making one acquires the lock, and its target
 * is the content of the lock. Emacs and many scripts lock so. See lockfs(5), Symbolic links.
 *
 * The target is a text and no place: a program that opens the name and locks the file that it gets must get this lock.
 * READLINK does not tell whether the caller prints the target or follows it. So the name to which a target leads in the
 * directory of the link stands for the lock itself, for the caller's next LOOKUP (stale_retry.h). Where a target with a
 * slash leads, the daemon is not asked: such a target is read by the holder only. That also protects whoever opens a name in
 * a directory that all may write, as fs.protected_symlinks would: the kernel does not apply that without
 * default_permissions (observed on Linux 6.18).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/text/key.h"
#include "fs/kernel/notifier.h"
#include "fs/mount.h"
#include "fs/names/known_nodes.h"
#include "fs/names/node.h"
#include "fs/names/patience.h"
#include "fs/names/reserved_name.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static void acquire(struct request *request)
{
	const struct view_options *view = node_view(request->node);
	struct acquire_options options = {
		.mode = LOCK_EXCLUSIVE,
		.patience = view->patience,
		.permissions = LOCK_PERMISSIONS,
		.form = FORM_SYMLINK,
		.target = request->text,
		/* As an exclusive creation. */
		.exclusive_even_for_me = patience_any(&view->patience),
	};
	int err = view_makes_unopened(view) ? 0 : -EINVAL;

	/* Refused here, nothing was acquired. */
	if (err == 0)
		err = known_nodes_admit_next(&request->mount->nodes->known, fuse_req_ctx(request->fuse)->uid,
			notifier_pending_forgets(request->mount->notifier));
	if (err < 0)
		request_reply(request, err);
	else
		acquire_start(request, &options, request_reply_made_lock);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);

	if (!request)
		return;
	request->text = strdup(target);
	if (!request->text)
		request_reply(request, -ENOMEM);
	else if (strlen(target) > LOCK_CONTENT_MAX)
		request_reply(request, -ENAMETOOLONG);
	else
		access_check(request, access_change, acquire);
}

/* The target of a link, as far as the kernel takes one. Written as a file, it can be longer and have a NUL. */
static void copy_target(const struct lock *lock, char target[LOCK_CONTENT_MAX])
{
	size_t size = lock->content_size < LOCK_CONTENT_MAX ? lock->content_size : LOCK_CONTENT_MAX - 1;

	if (size > 0)
		memcpy(target, lock->content, size);
	target[size] = '\0';
}

/*
 * Where a target leads in the directory of the link. Returns 0 and the key of that name; -ENAMETOOLONG if it is too long for one,
 * so that following fails; or -EACCES if it leads elsewhere, where the daemon does not notice it.
 */
static int target_path(const struct request *request, const char *target, char path[LOCK_KEY_MAX + 1])
{
	char dir[LOCK_KEY_MAX + 1];
	int err;

	if (!*target || strchr(target, '/') || strcmp(target, ".") == 0 || strcmp(target, "..") == 0)
		return -EACCES;
	snprintf(dir, sizeof(dir), "%.*s", (int)key_parent_length(request->key), request->key);
	err = name_join(dir, target, path);
	return err == 0 || err == -ENAMETOOLONG ? err : -EACCES;
}

/* Prepares for a caller who may follow the link. Returns 0, -ENOMEM, or -EACCES: only the holder may be told this target. */
static int expect_follower(struct request *request, const char *target)
{
	const struct fuse_ctx *caller = fuse_req_ctx(request->fuse);
	char path[LOCK_KEY_MAX + 1];
	int err = target_path(request, target, path);

	if (err == -ENAMETOOLONG)
		return 0;
	/* Without its thread, the LOOKUP that follows cannot be recognized. */
	if (err < 0 || caller->pid == 0)
		return -EACCES;
	return stale_retries_read_link(request->mount->retries, caller, path, request->key);
}

static void on_link_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	char target[LOCK_CONTENT_MAX];

	status = request_check_held(request, status, entry);
	if (status < 0) {
		request_reply(request, status == -ESTALE ? request_stale_or(request, -ENOENT) : status);
		return;
	}
	copy_target(&entry->lock, target);
	status = expect_follower(request, target);
	if (status == -EACCES && lock_is_held_by(&entry->lock, &request->claim))
		status = 0;
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	fuse_reply_readlink(request->fuse, target);
	request_end(request);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct request *request = request_on_node(req, ino, NULL);

	if (!request)
		return;
	if (!request->token)
		request_reply(request, -EINVAL);
	else if (request_has_ended(request))
		request_reply(request, request_stale_or(request, -ENOENT));
	else if (request_identify_or_reply(request))
		backend_read_as(request->mount->backend, request->key, &request->claim, request_match(request), on_link_read, request);
}
