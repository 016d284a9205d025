/*
 * Acquires a lock for a request. A holding without a given id gets a random one, by which its open file later proves
 * to be the holder's. All limits are checked before the backend is asked.
 */
#include "fs/ops/request/acquire.h"

#include <errno.h>
#include <string.h>

#include "backend/util/random_id.h"
#include "fs/caller/caller.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "fs/options.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

void acquire_give_back(struct request *request, uint64_t token)
{
	backend_give_back(request->mount->backend, request->key, token);
	request_end(request);
}

int acquire_admits_bound(struct request *request)
{
	struct mount *mount = request->mount;
	int64_t ttl_ms = node_view(request->node)->ttl_ms;
	int err = reserve_check(mount->reserve);

	/* The lease of a directory is known only from the answer, and is checked then. */
	if (err < 0 || ttl_ms == LEASE_UNSET)
		return err;
	return renewals_admits(mount->holdings, fuse_req_ctx(request->fuse)->uid, ttl_ms);
}

void acquire_start(struct request *request, const struct acquire_options *options, backend_lock_done *done)
{
	struct mount *mount = request->mount;
	const struct fuse_ctx *ctx = fuse_req_ctx(request->fuse);
	struct waiter *waiter = &request->acquire.waiter;
	int err = options->bound ? acquire_admits_bound(request) : reserve_check(mount->reserve);

	if (err == 0)
		err = request_identify(request);
	if (err == 0 && !options->replaces && request->claim.id)
		stpcpy(request->acquire.id, request->claim.id);
	else if (err == 0 && !options->replaces)
		err = random_id(request->acquire.id);
	if (err < 0) {
		done(request, err, NULL);
		return;
	}
	caller_describe(mount->callers, &request->caller, ctx->uid, &request->acquire.description);
	*waiter = (struct waiter){
		.acquisition = {
			.key = request->key,
			.mode = options->mode,
			.permissions = options->permissions,
			.form = options->form,
			.content = options->target,
			.content_size = options->target ? strlen(options->target) : 0,
			.source = options->source,
			.source_match = options->source_match,
			.moves = options->moves,
			.replaces = options->replaces,
			.holder = {
				.claim = { .id = request->acquire.id, .identity = request->claim.identity },
				.user = request->acquire.description.user,
				.host = mount->callers->host,
				.mount_point_id = mount->callers->mount_point_id,
				.command = request->acquire.description.command,
				.pid = request->caller.process,
				.uid = ctx->uid,
				.gid = ctx->gid,
			},
			.ttl_ms = node_view(request->node)->ttl_ms,
			.fallback_ttl_ms = mount->options->ttl_ms,
			.bound = options->bound,
			.exclusive_even_for_me = options->exclusive_even_for_me,
		},
		.patience = options->patience,
		.done = done,
		.ctx = request,
	};
	waiter_start(mount->waiters, waiter, request->fuse);
}
