/*
 * FLOCK: flock(2) belongs to the open file description, so each struct lock_file is a holder of its own, and all processes that
 * share the description share its lock. See lockfs(5), LOCKING AN OPEN FILE.
 */
#include <errno.h>
#include <sys/file.h>

#include "fs/holdings/lock_file.h"
#include "fs/holdings/renewal.h"
#include "fs/mount.h"
#include "fs/ops/file_lock.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "lockfs/lock.h"

/* Unlocks the file. A lock of fcntl(2) through it keeps the holding. */
static void unlock_file(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	struct renewal *renewal;

	file->flocked = false;
	renewal = lock_file_unbind_if_unclaimed(file);
	if (renewal)
		renewal_release(renewal, file_lock_on_unlocked, request);
	else
		request_reply(request, 0);
}

void lock_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	request->acquire.file = lock_file_of(info);
	request->acquire.non_blocking = operation & LOCK_NB;
	request->acquire.mode = (operation & ~LOCK_NB) == LOCK_SH ? LOCK_SHARED : LOCK_EXCLUSIVE;
	if ((operation & ~LOCK_NB) == LOCK_UN)
		unlock_file(request);
	else if (request->mount->options->read_only)
		request_reply(request, -EROFS);
	else
		file_lock(request);
}
