/*
 * Makes a request from what the kernel sent, and frees it with its reply. A node number that is not known here any
 * more is answered ESTALE, upon which the kernel looks the name up again.
 */
#include "fs/ops/request/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/holdings/lock_file.h"
#include "fs/names/reserved_name.h"
#include "lockfs/lock.h"

static struct request *request_make(fuse_req_t fuse, struct node *node, const struct fuse_file_info *info)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request) {
		fuse_reply_err(fuse, ENOMEM);
		return NULL;
	}
	request->fuse = fuse;
	request->mount = mount_of(fuse);
	request->node = node;
	if (info)
		request->info = *info;
	return request;
}

/* The token of the holding of the request's open file or, without a file handle, of its node; 0: none. */
static uint64_t token_of(const struct request *request)
{
	if (!node_is_lock(request->node))
		return 0;
	return request->info.fh ? lock_file_token(lock_file_of(&request->info)) : node_token(request->node);
}

struct request *request_on_node(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *info)
{
	struct node *node = node_find(mount_of(fuse)->nodes, number);
	struct request *request;

	if (!node) {
		fuse_reply_err(fuse, ESTALE);
		return NULL;
	}
	request = request_make(fuse, node, info);
	if (!request)
		return NULL;
	stpcpy(request->key, node_path(node));
	request->token = token_of(request);
	return request;
}

struct request *request_on_name(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                                const struct fuse_file_info *info)
{
	struct node *node = node_find(mount_of(fuse)->nodes, parent);
	struct request *request;

	if (!node) {
		fuse_reply_err(fuse, ESTALE);
		return NULL;
	}
	request = request_make(fuse, node, info);
	if (request)
		request->name_status = node_kind(node) == NODE_DIR ? name_join(node->name.path, name, request->key) : -EPERM;
	return request;
}

void request_end(struct request *request)
{
	if (request->file_is_counted)
		lock_file_uncount(request->mount->lock_files, request->file_uid);
	posix_attempt_end(&request->posix);
	free(request->text);
	free(request);
}

void request_reply(struct request *request, int status)
{
	fuse_reply_err(request->fuse, -status);
	request_end(request);
}

void request_done(void *ctx, int status)
{
	request_reply(ctx, status);
}
