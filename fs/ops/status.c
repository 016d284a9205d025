/*
 * `.status` and `.status.json`: what is true now of the server, as a snapshot that OPEN makes. OPEN may wait: the kernel
 * holds no directory meanwhile, and a caller that is interrupted gets EINTR.
 */
#include "fs/ops/status.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/holdings/pending_request.h"
#include "fs/mount.h"
#include "fs/ops/snapshot.h"
#include "fs/ops/status_text.h"
#include "fs/options.h"
#include "lockfs/backend.h"

/* An OPEN that waits for the backend. */
struct status_request {
	struct pending_request pending;
	struct mount *mount;
	fuse_req_t fuse; /* NULL: it was replied to; the struct is freed when the backend answers */
	struct fuse_file_info info;
	bool json;
};

static void on_interrupted(struct pending_request *pending)
{
	struct status_request *request = (struct status_request *)pending;

	fuse_reply_err(pending_request_end(pending), -pending->end_status);
	request->fuse = NULL;
}

static void reply(const struct status_request *request, const struct backend_status *status)
{
	const struct options *options = request->mount->options;
	const struct status_mount_point here = { .namespace_ = options->namespace_, .mountpoint = options->mountpoint };
	char *text = NULL;
	size_t size = 0;

	if (status_text_print(status, &here, request->json, &text, &size) < 0) {
		free(text);
		fuse_reply_err(request->fuse, ENOMEM);
		return;
	}
	snapshot_open(request->mount, request->fuse, &request->info, text, size);
}

static void on_status(void *ctx, int status, const struct backend_status *ret)
{
	struct status_request *request = ctx;

	if (request->fuse) {
		pending_request_end(&request->pending);
		if (status < 0)
			fuse_reply_err(request->fuse, -status);
		else
			reply(request, ret);
	}
	free(request);
}

void status_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info, bool json)
{
	struct status_request *request = calloc(1, sizeof(*request));

	if (!request) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*request = (struct status_request){ .mount = mount, .fuse = req, .info = *info, .json = json };
	request->pending.on_end = on_interrupted;
	pending_request_begin(mount->pending, &request->pending, req);
	backend_status(mount->backend, on_status, request);
}
