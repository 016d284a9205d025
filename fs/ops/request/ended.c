/*
 * Answers requests on holdings that have ended. ESTALE to a request by path makes the kernel look the name up again
 * and repeat the call, once; a request on a descriptor is never repeated, and the caller gets ESTALE.
 */
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

/* 5 s without the cache: longer than the kernel takes to look the name up again. */
#define NO_CACHE_NS (5 * NS_PER_S)

/* Do the open file of the request, or else its node, remember that its holding has ended? */
static bool remembers_end(const struct request *request)
{
	return request->info.fh ? lock_file_has_ended(lock_file_of(&request->info)) : node_has_ended(request->node);
}

void request_end_holding(struct request *request)
{
	/* A foreign token can name a later holding too: only the end that is not remembered yet is recorded. */
	if (!request->token || (token_is_foreign(request->token) && remembers_end(request)))
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

int request_check_held(struct request *request, int status, const struct entry *entry)
{
	if (status < 0 && status != -ENOENT)
		return status;
	return request_finds_holding(request, status, entry) ? 0 : -ESTALE;
}

bool request_has_ended(const struct request *request)
{
	return request->token &&
		(remembers_end(request) || holdings_has_ended(request->mount->holdings, request->key, request->token));
}

int request_ended_status(const struct request *request)
{
	return request->node->files > 0 ? -ESTALE : -ENOENT;
}

int request_stale_or(struct request *request, int otherwise)
{
	return stale_retry_or(request->mount->retries, fuse_req_ctx(request->fuse), request->key, request->node->number, otherwise);
}

void request_reply_stale(struct request *request, int otherwise)
{
	request_reply(request, request->info.fh ? -ESTALE : request_stale_or(request, otherwise));
}

void request_reply_ended(struct request *request)
{
	if (!request->token) {
		request_reply(request, -ENOLCK);
		return;
	}
	request_end_holding(request);
	if (request_ended_status(request) == -ESTALE)
		request_reply_stale(request, -ENOENT);
	else
		request_reply(request, -ENOENT);
}

void request_refuse_refresh(struct request *request)
{
	backend_publish(request->mount->backend, EVENT_FAILED_REFRESH, request->key, match_any());
	request_reply_stale(request, -ENOENT);
}

bool request_cache_was_wrong(struct request *request)
{
	if (!request->node->cached)
		return false;
	request->node->cached = false;
	request->mount->no_cache_until_ns = boot_ns() + NO_CACHE_NS;
	return true;
}
