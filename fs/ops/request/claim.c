/*
 * Identifies the caller of a request. An open file that acquired the lock proves more than a given id, and that more
 * than the identity: the descriptor stays the holder's when its process changes session.
 */
#include "fs/ops/request/claim.h"

#include <string.h>

#include "fs/caller/caller.h"
#include "fs/holdings/lock_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/request.h"
#include "fs/options.h"
#include "fs/util/log.h"
#include "lockfs/lock.h"

/* Logs once for each mount: if one caller is hidden, many are. */
static void log_hidden(struct mount *mount)
{
	if (mount->logged_hidden)
		return;
	mount->logged_hidden = true;
	log_line(LOG_WARNING, "the daemon of %s cannot see the processes or sessions of some callers: "
		"all of them that are one user's count as one holder. "
		"Run the daemon in their namespace of processes and with its /proc, or have them use .with/id=ID",
		mount->options->mountpoint);
}

const char *given_id(const struct mount *mount, const struct node *node)
{
	const struct view_options *view = node_view(node);

	return *view->id ? view->id : mount->options->id;
}

int request_identify(struct request *request)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(request->fuse);
	const char *id = given_id(request->mount, request->node);
	int err = caller_identify(request->mount->callers, ctx->pid, ctx->uid, &request->caller);

	if (id)
		request->claim = (struct lock_claim){ .id = id };
	else
		request->claim = (struct lock_claim){ .identity = request->caller.identity };
	if (!id && request->caller.by_user)
		log_hidden(request->mount);
	return id ? 0 : err;
}

void request_claim_given_id(struct request *request)
{
	request->claim = (struct lock_claim){ .id = given_id(request->mount, request->node) };
}

bool request_identify_or_reply(struct request *request)
{
	int err = request_identify(request);

	if (err < 0)
		request_reply(request, err);
	return err == 0;
}

/*
 * The id of the holding, if the open file of the request is the holder's. Without a file handle, an open file of the
 * same node counts, but not of NODE_LOCK, which all callers can find. NULL if nothing is proved.
 */
static const char *proof_of(const struct request *request)
{
	const struct node *node = request->node;

	if (!node_is_lock(node))
		return NULL;
	if (request->info.fh)
		return lock_file_proof(lock_file_of(&request->info));
	if (node_kind(node) == NODE_LOCK)
		return NULL;
	return lock_files_proof(request->mount->lock_files, request->token, node->number, node_kind(node) == NODE_ACQUIRED);
}

bool request_identify_holder_or_reply(struct request *request)
{
	const char *id = proof_of(request);
	int err = request_identify(request);

	if (id) {
		/* A copy, as the file may be unlocked or closed before the backend has answered. */
		stpcpy(request->proof, id);
		request->claim = (struct lock_claim){ .id = request->proof };
		return true;
	}
	if (err < 0)
		request_reply(request, err);
	return err == 0;
}
