/*
 * LINK: a link is made exclusively by its nature, so link(2) acquires the new name, with the content of the lock that is
 * linked, which the caller must hold. Mail programs lock so: they create a file of a name of their own, link it to the name of
 * the lock, and see by the number of its links whether that has succeeded. See lockfs(5), PLAIN OPERATIONS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/caller/permission.h"
#include "fs/kernel/notifier.h"
#include "fs/mount.h"
#include "fs/names/known_nodes.h"
#include "fs/names/node.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static void acquire(struct request *request)
{
	struct acquire_options options = {
		.mode = LOCK_EXCLUSIVE,
		.source = request->text,
		.source_match = match_token(request->token),
		/* As an exclusive creation. */
		.exclusive_even_for_me = true,
	};
	int err = view_makes_unopened(node_view(request->node)) ? 0 : -EINVAL;

	/* Refused here, nothing was acquired. */
	if (err == 0)
		err = known_nodes_admit_next(&request->mount->nodes->known, fuse_req_ctx(request->fuse)->uid,
			notifier_pending_forgets(request->mount->notifier));
	if (err < 0)
		request_reply(request, err);
	else
		acquire_start(request, &options, request_reply_made_lock);
}

/* Returns 0, or why this node cannot be linked; as fs.protected_hardlinks, another user's file is refused. */
static int check_source(const struct request *request, const struct node *source)
{
	struct credentials caller;

	if (!source)
		return -ESTALE;
	if (!node_is_lock(source))
		return -EPERM;
	if (!node_token(source) || node_has_ended(source))
		return -ENOENT;
	access_caller(request, &caller);
	return permission_is_owner(&caller, &source->permissions) ? 0 : -EPERM;
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	const struct node *source = node_find(mount_of(req)->nodes, ino);
	struct request *request = request_on_name(req, new_parent, new_name, NULL);
	int err;

	if (!request)
		return;
	err = check_source(request, source);
	if (err == 0) {
		request->token = node_token(source);
		request->text = strdup(node_path(source));
		if (!request->text)
			err = -ENOMEM;
	}
	if (err < 0)
		request_reply(request, err);
	else
		access_check(request, access_change, acquire);
}
