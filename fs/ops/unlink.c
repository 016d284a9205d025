/*
 * UNLINK: releases a lock by removing its file. The kernel sends only the name, so the caller's identity or
 * given id must prove that it is the holder, except in a view with `force`. See lockfs(5), PLAIN OPERATIONS.
 */
#include <stddef.h>

#include "fs/holdings/inotify.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static void on_unlinked(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == 0)
		inotify_watches_removed(request->mount->inotify, request->node->name.view, request->key);
	request_reply(request, status);
}

static void unlink_allowed(struct request *request)
{
	const struct lock_claim *claim = NULL;

	if (!node_view(request->node)->force) {
		if (!request_identify_or_reply(request))
			return;
		claim = &request->claim;
	}
	backend_release(request->mount->backend, request->key, claim, request->access.match, on_unlinked, request);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);

	if (request)
		access_check_removal(request, unlink_allowed, request_reply);
}
