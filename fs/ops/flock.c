/*
 * FLOCK: acquires a lock for an open file and binds it to that file. flock(2) belongs to the open file description, so
 * each struct lock_file is a holder of its own, and all processes that share the description share its lock. See
 * lockfs(5), LOCKING AN OPEN FILE.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <utlist.h>

#include "fs/caller/process.h"
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/patience.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/acquire.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/opening.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static bool is_locked(const struct lock_file *file)
{
	return file->member.bound && !lock_file_has_ended(file);
}

/* Ends the other flock(2) calls that wait on this open file: it has the lock now, which they may have to convert. */
static void end_other_lockers(struct lock_file *file, const struct request *but)
{
	struct request *other;

	DL_FOREACH2(file->lockers, other, acquire.next)
		if (other != but)
			waiter_end_later(&other->acquire.waiter, 0);
}

/* Makes the file a handle again. The caller has to release or discard the renewal that is returned. */
static struct renewal *unbind(struct request *request, struct lock_file *file)
{
	uint64_t token = lock_file_token(file);
	struct renewal *renewal = lock_file_unbind(file);

	if (request->node->bound_token == token)
		request->node->bound_token = 0;
	return renewal;
}

/*
 * Replies that the file is locked, by binding the holding that its creation acquired. Releases the holding if the
 * kernel does not take the reply.
 */
static void reply_bound(struct request *request, struct lock_file *file)
{
	if (fuse_reply_err(request->fuse, 0) < 0)
		renewal_release(unbind(request, file), NULL, NULL);
	request_end(request);
}

/* Replies that the file is locked, by a new holding. Gives it back if the kernel does not take the reply. */
static void reply_locked(struct request *request, struct lock_file *file)
{
	uint64_t token = lock_file_token(file);
	struct renewal *renewal = fuse_reply_err(request->fuse, 0) < 0 ? unbind(request, file) : NULL;

	if (renewal) {
		renewal_discard(renewal);
		acquire_give_back(request, token);
	} else {
		request_end(request);
	}
}

/*
 * Chooses the process that is signalled on loss: the one that opened the file, because flock(1) in a script
 * (`flock 9`) exits right after locking; if that process has exited, the caller. Returns 0 or a negative errno.
 */
static int take_recipient(struct request *request, const struct lock_file *file)
{
	int err;

	if (process_lives(&file->opener))
		return request_take_recipient(request, file->opener.pid);
	err = request_identify(request);
	return err < 0 ? err : request_take_recipient(request, request->caller.process);
}

/* Chooses the calling process instead, if the recipient exited while this waited. Returns 0 or a negative errno. */
static int renew_recipient(struct request *request)
{
	if (!request->acquire.recipient || signal_recipient_lives(request->acquire.recipient))
		return 0;
	request_drop_recipient(request);
	return request_take_recipient(request, request->caller.process);
}

/* Replies to a request that bound no holding, and drops its recipient. */
static void reply_without_holding(struct request *request, int status)
{
	request_drop_recipient(request);
	request_reply(request, status);
}

/* Binds a holding to the file. Returns 0 or a negative errno. */
static int bind_file(struct request *request, struct lock_file *file, const struct lock *lock, const char *id)
{
	struct mount *mount = request->mount;
	uint64_t before = lock_file_token(file);
	uint64_t token;
	/* Copies, as binding may call the backend, which ends the life of `lock`. */
	uid_t uid = lock->holder.uid;
	gid_t gid = lock->holder.gid;
	int err = renew_recipient(request);

	if (err < 0)
		return err;
	err = lock_file_bind(file, lock, id, node_view(request->node)->signal, request->acquire.recipient);
	if (err < 0)
		return err;
	request->acquire.recipient = NULL;
	token = lock_file_token(file);
	if (before && before != token)
		node_end(mount->nodes, request->node, before);
	node_bind(request->node, token);
	node_belongs_to(request->node, uid, gid);
	/* A foreign token can come again as another holding, which must not find this node by name. */
	if (node_is_of_holding(request->node) && request->node->name.token != token)
		node_unname(mount->nodes, request->node);
	return 0;
}

static void lock_again(struct request *request);
static void lock_file(struct request *request);

static void on_locked(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	struct lock_file *file = request->acquire.file;

	DL_DELETE2(file->lockers, request, acquire.prev, acquire.next);
	if (status == 0 && !lock) {
		/* Another thread or process has locked the same open file meanwhile, maybe in the other mode. */
		request_drop_recipient(request);
		lock_file(request);
		return;
	}
	if (status < 0) {
		reply_without_holding(request, status == -EBUSY ? -EWOULDBLOCK : status);
		return;
	}
	status = bind_file(request, file, lock, request->acquire.id);
	if (status < 0) {
		request_drop_recipient(request);
		fuse_reply_err(request->fuse, -status);
		acquire_give_back(request, lock->token);
	} else {
		end_other_lockers(file, request);
		reply_locked(request, file);
	}
}

/* Acquires the lock for this open file. A holding of the caller's own session excludes it too. */
static void acquire_for_file(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	struct acquire_options options = { .mode = request->acquire.mode, .bound = true, .exclusive_even_for_me = true };

	if (!request->acquire.non_blocking)
		options.patience = (struct patience){ .waits = true, .wait_ms = WAIT_FOREVER };
	DL_APPEND2(file->lockers, request, acquire.prev, acquire.next);
	acquire_start(request, &options, on_locked);
}

/* Acquires, as the caller may create files in the directory. */
static void acquire_allowed(struct request *request)
{
	request->acquire.file->may_lock = true;
	acquire_for_file(request);
}

/*
 * Acquires the lock by its name. flock() on a free name creates the lock, so it needs write permission on the
 * directory. A file that was opened by creation has it: op_create() has checked that.
 */
static void acquire_by_name(struct request *request)
{
	if (request->acquire.file->may_lock)
		acquire_for_file(request);
	else
		access_check_parent(request, access_change, acquire_allowed, reply_without_holding);
}

static void on_bound(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	struct lock_file *file = request->acquire.file;

	if (status == -ENOENT || status == -EPERM) {
		/* The holding that the file acquired has ended. */
		if (request->token == lock_file_token(file))
			request_end_holding(request);
		acquire_by_name(request);
		return;
	}
	if (status == 0 && is_locked(file)) {
		/* Another thread or process has locked the same open file meanwhile. */
		request_drop_recipient(request);
		lock_again(request);
		return;
	}
	/* Meanwhile another thread unlocked the file, or its holding ended. A release of it may be under way. */
	if (status == 0 && (request->token != lock_file_token(file) || lock_file_has_ended(file))) {
		acquire_by_name(request);
		return;
	}
	/* The mount is ending, see waiters_refuse(). The holding lasts until its lease ends. */
	if (status == 0 && request->mount->waiters->refuses)
		status = -ESHUTDOWN;
	if (status == 0)
		status = bind_file(request, file, lock, file->id);
	if (status < 0)
		reply_without_holding(request, status);
	else if (file->mode != request->acquire.mode)
		lock_again(request);
	else
		reply_bound(request, file);
}

/* Binds the holding that the file acquired by its creation. */
static void bind_created(struct request *request)
{
	struct lock_file *file = request->acquire.file;

	request->claim = (struct lock_claim){ .id = file->id };
	backend_bind(request->mount->backend, request->key, &request->claim, lock_file_token(file), on_bound, request);
}

/* Converting */

static void on_released_to_wait(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == 0 || status == -ENOENT || status == -EPERM)
		acquire_by_name(request);
	else
		reply_without_holding(request, status);
}

/* Replies to a conversion that the backend has made but the file cannot have: the file has lost its lock. */
static void refuse_converted(struct request *request, int status, uint64_t token)
{
	holdings_recheck(request->mount->holdings, request->acquire.replaces);
	fuse_reply_err(request->fuse, -status);
	acquire_give_back(request, token);
}

/* Replies to a conversion that was not made, or may not have been made. */
static void reply_unconverted(struct request *request, int status)
{
	struct lock_file *file = request->acquire.file;
	bool is_current = lock_file_token(file) == request->acquire.replaces;

	if (status == -EINVAL && is_current) {
		request_reply(request, 0); /* another thread or process has converted it meanwhile */
	} else if (status == -EBUSY && is_current && !request->acquire.non_blocking) {
		/* Others share the lock. As flock(2) does, this gives up the shared lock before it waits for the exclusive one. */
		renewal_release(unbind(request, file), on_released_to_wait, request);
	} else if (status == -ENOENT || status == -EPERM) {
		holdings_end(request->mount->holdings, request->key, request->acquire.replaces, true);
		lock_file(request);
	} else {
		/* Was the answer lost, the holding may have been replaced, and the new one is undone. */
		holdings_recheck(request->mount->holdings, request->acquire.replaces);
		request_reply(request, status == -EBUSY ? -EWOULDBLOCK : status);
	}
}

static void on_converted(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	struct lock_file *file = request->acquire.file;
	uint64_t token = lock ? lock->token : 0;

	if (lock_file_token(file) == request->acquire.replaces)
		holding_set_converting(&file->member, false);
	if (status < 0) {
		reply_unconverted(request, status);
		return;
	}
	/* Another thread may have unlocked the file meanwhile, or its holding may have ended. */
	if (lock_file_token(file) == request->acquire.replaces && is_locked(file))
		status = lock_file_convert(file, lock);
	else
		status = -EAGAIN;
	if (status < 0)
		refuse_converted(request, status, token);
	else
		request_reply(request, 0);
}

/* Converts the holding that is bound to the file to the other mode, without waiting. */
static void convert(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	struct acquire_options options = { .mode = request->acquire.mode, .replaces = lock_file_token(file), .bound = true };

	holding_set_converting(&file->member, true);
	request->acquire.replaces = options.replaces;
	stpcpy(request->acquire.id, lock_file_proof(file));
	acquire_start(request, &options, on_converted);
}

/* Locking */

/* Locks a file that has the lock already, in this mode or the other. */
static void lock_again(struct request *request)
{
	if (request->acquire.file->mode == request->acquire.mode)
		request_reply(request, 0);
	else
		convert(request);
}

static void lock_file(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	int err = 0;

	if (is_locked(file)) {
		lock_again(request);
		return;
	}
	if (request->mount->waiters->refuses)
		err = -ESHUTDOWN;
	else
		err = acquire_admits_bound(request);
	if (err == 0 && node_view(request->node)->signal)
		err = take_recipient(request, file);
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	holding_drop_lost(&file->member);
	/* The file acquired nothing by its creation, or that holding has ended or was unlocked. */
	if (!file->id || !lock_file_token(file) || lock_file_has_ended(file))
		acquire_by_name(request);
	else
		bind_created(request);
}

static void on_unlocked(void *ctx, int status)
{
	/* A holding that had ended before is unlocked as well. */
	request_reply(ctx, status == -ENOENT || status == -EPERM ? 0 : status);
}

static void unlock_file(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	struct renewal *renewal = file->member.bound ? unbind(request, file) : NULL;

	if (renewal)
		renewal_release(renewal, on_unlocked, request);
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
		lock_file(request);
}
