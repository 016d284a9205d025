/*
 * Makes the open file of a request. Limits are checked before a lock is acquired, because a refusal must not have
 * acquired anything.
 */
#include "fs/ops/request/opening.h"

#include <errno.h>
#include <fcntl.h>

#include "fs/caller/caller.h"
#include "fs/caller/process.h"
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/lock_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/view.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "fs/util/reserve.h"

bool request_count_file_or_reply(struct request *request)
{
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	int err = reserve_check(request->mount->reserve);

	if (err == 0)
		err = lock_file_count(request->mount->lock_files, uid);
	if (err < 0) {
		request_reply(request, err);
		return false;
	}
	request->file_is_counted = true;
	request->file_uid = uid;
	return true;
}

bool request_writes_to_acquire(const struct request *request)
{
	return (request->info.flags & O_ACCMODE) != O_RDONLY && view_acquires(request->node->name.view);
}

struct lock_file *request_open_file(struct request *request, uint64_t token, pid_t acquirer)
{
	struct lock_files *files = request->mount->lock_files;
	struct lock_file *file = token ? lock_file_open(files, request->key, token, acquirer, request->file_uid) :
		lock_file_open_handle(files, request->file_uid);

	if (file)
		request->file_is_counted = false;
	return file;
}

int request_note_opener(struct request *request, struct lock_file *file)
{
	int err;

	if (!node_view(request->node)->signal)
		return 0;
	err = request_identify(request);
	return err < 0 ? err : process_identify(request->caller.process, &file->opener);
}

int request_take_recipient(struct request *request, pid_t process)
{
	uid_t uid = fuse_req_ctx(request->fuse)->uid;

	request->acquire.recipient = NULL;
	if (!node_view(request->node)->signal)
		return 0;
	/* The process relies on the signal, and the daemon could never send it. */
	if (process == 0 && request->caller.process_hidden)
		return -ESRCH;
	return signal_recipient_get(request->mount->recipients, process, uid, &request->acquire.recipient);
}

void request_drop_recipient(struct request *request)
{
	signal_recipient_put(request->acquire.recipient);
	request->acquire.recipient = NULL;
}
