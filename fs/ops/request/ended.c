/* Answers requests on holdings that have ended: ESTALE through a descriptor, ENOENT or one retry by the kernel for a path. */
#include "fs/ops/request/ended.h"

#include <errno.h>

#include "backend/util/clock.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/lock_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/request/request.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* So long after a name was found wrongly every name is asked for: longer than the kernel takes to look again. */
#define ASK_NS (5 * NS_PER_S)

/* Was the end of its holding told of to who asks so: through this descriptor, or else the node? */
static bool was_told(const struct request *request)
{
	return request->info.fh ? lock_file_has_ended(lock_file_of(&request->info)) : node_has_ended(request->node);
}

void request_end_holding(struct request *request)
{
	/* Another foreign lock may have the token by now, which goes on. */
	if (!request->token || (token_is_foreign(request->token) && was_told(request)))
		return;
	node_end(request->mount->nodes, request->node, request->token);
	holdings_end(request->mount->holdings, request->key, request->token, true);
}

bool request_finds_holding(struct request *request, int status, const struct entry *entry)
{
	if (entry_is_holding(status, entry, request->token))
		return true;
	if (status == 0 || status == -ENOENT)
		request_end_holding(request);
	return false;
}

bool request_has_ended(const struct request *request)
{
	return request->token &&
		(was_told(request) || holdings_has_ended(request->mount->holdings, request->key, request->token));
}

int ended_status(const struct request *request)
{
	return request->node->files > 0 ? -ESTALE : -ENOENT;
}

int request_stale_or(struct request *request, int otherwise)
{
	pid_t thread = fuse_req_ctx(request->fuse)->pid;

	return stale_retry_or(request->mount->retries, thread, request->key, request->node->number, otherwise);
}

void request_reply_stale(struct request *request, int otherwise)
{
	request_reply(request, request->info.fh ? -ESTALE : request_stale_or(request, otherwise));
}

void request_reply_ended(struct request *request)
{
	request_end_holding(request);
	if (ended_status(request) == -ESTALE)
		request_reply_stale(request, -ENOENT);
	else
		request_reply(request, -ENOENT);
}

void request_refuse_refresh(struct request *request)
{
	backend_tell(request->mount->backend, EVENT_FAILED_REFRESH, request->key, match_any());
	request_reply_stale(request, -ENOENT);
}

bool request_recalled_wrongly(struct request *request)
{
	if (!request->node->cached)
		return false;
	request->node->cached = false;
	request->mount->recalls_ns = boot_ns() + ASK_NS;
	return true;
}
