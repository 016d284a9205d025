/*
 * UNLINK, and RMDIR of a lock that is shown as a directory: releases a lock by removing its name. The kernel sends only the name, so the caller's identity or
 * given id must prove that it is the holder, except in a view with `force`. A view with `token` says which holding is
 * meant, so that a lock that looked stale is not confused with its successor. See lockfs(5), PLAIN OPERATIONS.
 */
#include <errno.h>
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

static void on_read_successor(void *ctx, int status, const struct entry *entry)
{
	(void)entry;
	request_reply(ctx, status == 0 ? -ESTALE : status);
}

/* The holding that the view names has ended: another one has the key, or none. */
static void on_named_unlinked(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == -ENOENT)
		backend_read(request->mount->backend, request->key, on_read_successor, request);
	else
		on_unlinked(request, status);
}

/* Returns the holding that is to be released; none, if the caller may not remove the one that the view names. */
static struct holding_match named_holding(const struct request *request, uint64_t token)
{
	return holding_matches(request->access.match, token) ? match_token(token) : match_token(0);
}

void lock_unlink(struct request *request)
{
	const struct view_options *view = node_view(request->node);
	struct holding_match match = view->token ? named_holding(request, view->token) : request->access.match;
	const struct lock_claim *claim = NULL;

	if (!view->force) {
		if (!request_identify_or_reply(request))
			return;
		claim = &request->claim;
	}
	backend_release(request->mount->backend, request->key, claim, match, view->token ? on_named_unlinked : on_unlinked, request);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct request *request = request_on_name(req, parent, name, NULL);

	if (request)
		access_check_removal(request, lock_unlink, request_reply);
}
