/*
 * Acquires a lock for an open file and binds it to that file, or converts the holding that is bound to it: for flock(2)
 * (flock.c) and fcntl(2) (fcntl.c). Both through one open file are one holder. An owner's lock of fcntl(2) is bound to all
 * files that it was taken through. See lockfs(5), LOCKING AN OPEN FILE.
 */
#include "fs/ops/file_lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/container_of.h"
#include "fs/caller/process.h"
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/posix_lock.h"
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
#include "lockfs/backend.h"
#include "lockfs/lock.h"

bool file_lock_is_held(const struct lock_file *file)
{
	return file->member.bound && !lock_file_has_ended(file);
}

/* Has anything else than the caller locked the holding of the file, so that it excludes the request? */
static bool is_excluded(const struct request *request, const struct lock_file *file)
{
	return posix_lock_excludes(file, request->posix.lock, request->acquire.mode);
}

/* Ends the other calls that wait to lock this open file and may have it now, which they may have to convert. */
void file_lock_end_others(const struct lock_file *file, const struct request *but)
{
	struct request *other;

	DL_FOREACH2(file->lockers, other, acquire.next)
		if (other != but && !is_excluded(other, file))
			waiter_end_later(&other->acquire.waiter, 0);
}

/* Ends the other calls of an owner that wait to lock the key, through whatever file. */
static void end_others_of_owner(const struct request *request)
{
	struct posix_attempt *other;

	DL_FOREACH(request->posix.lock->waiting, other)
		if (other != &request->posix)
			waiter_end_later(&container_of(other, struct request, posix)->acquire.waiter, 0);
}

/* The file is locked: notes by what. */
static void note_locked(struct request *request)
{
	struct lock_file *file = request->acquire.file;

	if (request->posix.lock) {
		posix_attempt_succeed(&request->posix);
		end_others_of_owner(request);
	} else {
		file->flocked = true;
		file->flock_mode = request->acquire.mode;
	}
	file_lock_end_others(file, request);
}

/* Takes back what note_locked() did for a holding that was bound to the file just now. Returns its renewal. */
static struct renewal *undo_locked(struct request *request)
{
	return request->posix.lock ? posix_lock_end(request->posix.lock) : lock_file_unbind(request->acquire.file);
}

/*
 * Replies that the file is locked, by binding the holding that its creation acquired. Releases the holding if the
 * kernel does not take the reply.
 */
static void reply_bound(struct request *request)
{
	struct renewal *renewal;

	note_locked(request);
	renewal = fuse_reply_err(request->fuse, 0) < 0 ? undo_locked(request) : NULL;
	if (renewal)
		renewal_release(renewal, NULL, NULL);
	request_end(request);
}

/* Replies that the file is locked, by a new holding. Gives it back if the kernel does not take the reply. */
static void reply_locked(struct request *request)
{
	uint64_t token = lock_file_token(request->acquire.file);
	struct renewal *renewal;

	note_locked(request);
	renewal = fuse_reply_err(request->fuse, 0) < 0 ? undo_locked(request) : NULL;
	if (renewal) {
		renewal_discard(renewal);
		acquire_give_back(request, token);
	} else {
		request_end(request);
	}
}

/* Replies that the file is locked, by the holding that was bound to it before. */
static void reply_locked_already(struct request *request)
{
	note_locked(request);
	request_reply(request, 0);
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
	int err = renew_recipient(request);

	if (err < 0)
		return err;
	err = lock_file_bind(file, lock, id, node_view(request->node)->signal, request->acquire.recipient);
	if (err < 0)
		return err;
	request->acquire.recipient = NULL;
	return 0;
}

static void lock_again(struct request *request);

/* The request waits to lock its file. */
static void begin_waiting(struct request *request)
{
	DL_APPEND2(request->acquire.file->lockers, request, acquire.prev, acquire.next);
	if (request->posix.lock)
		DL_APPEND(request->posix.lock->waiting, &request->posix);
}

static void end_waiting(struct request *request)
{
	DL_DELETE2(request->acquire.file->lockers, request, acquire.prev, acquire.next);
	if (request->posix.lock)
		DL_DELETE(request->posix.lock->waiting, &request->posix);
}

static void on_locked(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	struct lock_file *file = request->acquire.file;
	uint64_t token;

	end_waiting(request);
	if (status == 0 && lock && file_lock_is_held(file) && lock->mode == LOCK_SHARED && file->mode == LOCK_SHARED) {
		/* Two requests were granted a shared lock for one open file. One is enough. */
		backend_give_back(request->mount->backend, request->key, lock->token);
		lock = NULL;
	}
	if (status == 0 && !lock) {
		/* Another thread or process has locked the same open file meanwhile, maybe in the other mode. */
		request_drop_recipient(request);
		file_lock(request);
		return;
	}
	if (status < 0) {
		reply_without_holding(request, status == -EBUSY ? -EWOULDBLOCK : status);
		return;
	}
	token = lock->token;
	/* A holding that the file had until now is lost, as it would have excluded this one. */
	lock_file_drop_lost(file);
	status = bind_file(request, file, lock, request->acquire.id);
	if (status < 0) {
		request_drop_recipient(request);
		fuse_reply_err(request->fuse, -status);
		acquire_give_back(request, token);
	} else {
		reply_locked(request);
	}
}

/* Acquires the lock for this open file. A holding of the caller's own session excludes it too. */
static void acquire_for_file(struct request *request)
{
	struct acquire_options options = {
		.mode = request->acquire.mode,
		.permissions = request->node->next_permissions,
		.bound = true,
		.exclusive_even_for_me = true,
	};

	if (!request->acquire.non_blocking)
		options.patience = (struct patience){ .waits = true, .wait_ms = WAIT_FOREVER };
	begin_waiting(request);
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
	if (status == 0 && file_lock_is_held(file)) {
		/* Another thread or process has locked the same open file meanwhile. */
		request_drop_recipient(request);
		file_lock(request);
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
		reply_bound(request);
}

/* Binds the holding that the file acquired by its creation. */
static void bind_created(struct request *request)
{
	struct lock_file *file = request->acquire.file;

	request->claim = (struct lock_claim){ .id = file->id };
	backend_bind(request->mount->backend, request->key, &request->claim, lock_file_token(file), on_bound, request);
}

/* Converting */

/* Does the request give up the shared lock of its file before it waits for the exclusive one? Only flock(2) does. */
static bool gives_up_to_wait(const struct request *request)
{
	const struct lock_file *file = request->acquire.file;

	return !request->acquire.non_blocking && !request->posix.lock && !file->posix_uses && file->attempts == 0 &&
		holding_is_bound_once(&file->member);
}

static void on_released_to_wait(void *ctx, int status)
{
	struct request *request = ctx;

	if (status == 0 || status == -ENOENT || status == -EPERM)
		file_lock(request); /* as if it were the first lock of the file, with a recipient of its own */
	else
		request_reply(request, status);
}

/* Replies to a conversion that the backend has made but the file cannot have: the file has lost its lock. */
static void refuse_converted(struct request *request, int status, uint64_t token)
{
	if (lock_file_token(request->acquire.file) == request->acquire.replaces)
		lock_file_drop_lost(request->acquire.file);
	fuse_reply_err(request->fuse, -status);
	acquire_give_back(request, token);
}

/* Replies to a conversion that was not made, or may not have been made. */
static void reply_unconverted(struct request *request, int status)
{
	struct lock_file *file = request->acquire.file;
	bool is_current = lock_file_token(file) == request->acquire.replaces;

	if (status == -EINVAL && is_current) {
		reply_locked_already(request); /* another thread or process has converted it meanwhile */
	} else if (status == -EBUSY && is_current && gives_up_to_wait(request)) {
		/* Others share the lock. As flock(2) does, this gives up the shared lock before it waits for the exclusive one. */
		renewal_release(lock_file_unbind(file), on_released_to_wait, request);
	} else if (status == -EBUSY && is_current && !request->acquire.non_blocking) {
		file_lock(request); /* fcntl(2) needs the shared lock since the conversion began, so this waits for another one */
	} else if (status == -ENOENT || status == -EPERM) {
		holdings_end(request->mount->holdings, request->key, request->acquire.replaces, true);
		file_lock(request);
	} else {
		/* If the conversion was made, others may share the lock by now. */
		if (is_current && (status == -ETIMEDOUT || status == -ESHUTDOWN))
			lock_file_drop_lost(file);
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
	if (request->posix.lock)
		file->upgrading = NULL;
	else
		file->flock_upgrades = false;
	if (status < 0) {
		reply_unconverted(request, status);
		return;
	}
	/* Another thread may have unlocked the file meanwhile, or its holding may have ended. */
	if (lock_file_token(file) == request->acquire.replaces && file_lock_is_held(file))
		status = lock_file_convert(file, lock);
	else
		status = -EAGAIN;
	if (status < 0)
		refuse_converted(request, status, token);
	else
		reply_locked_already(request);
}

/*
 * Converts the holding that is bound to the file to the other mode. A call of flock(2) does so without waiting. A call of
 * fcntl(2), or of flock(2) where fcntl(2) needs the holding, keeps it while it waits.
 */
static void convert(struct request *request, enum lock_mode mode)
{
	struct lock_file *file = request->acquire.file;
	struct acquire_options options = { .mode = mode, .replaces = lock_file_token(file), .bound = true };

	if (!request->acquire.non_blocking && !gives_up_to_wait(request))
		options.patience = (struct patience){ .waits = true, .wait_ms = WAIT_FOREVER };
	if (request->posix.lock)
		posix_attempt_keep(&request->posix);
	if (mode == LOCK_EXCLUSIVE && request->posix.lock)
		file->upgrading = request->posix.lock;
	else if (mode == LOCK_EXCLUSIVE)
		file->flock_upgrades = true;
	holding_set_converting(&file->member, true);
	request->acquire.replaces = options.replaces;
	stpcpy(request->acquire.id, lock_file_proof(file));
	acquire_start(request, &options, on_converted);
}

/* Locking */

/* The mode that the holding of the file needs, with what the request asks for. */
static enum lock_mode needed_mode(const struct request *request)
{
	enum lock_mode others = posix_lock_needed_mode(request->acquire.file, request->posix.lock, !request->posix.lock);

	if (others == LOCK_EXCLUSIVE)
		return LOCK_EXCLUSIVE;
	return request->posix.lock ? posix_attempt_mode(&request->posix) : request->acquire.mode;
}

/*
 * Locks a file that has the lock already, in this mode or the other. Where several processes have locked one open file by
 * fcntl(2), they share one holding, so that it cannot be converted for one of them.
 */
static void lock_again(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	enum lock_mode mode = needed_mode(request);

	if (is_excluded(request, file) || (request->posix.lock && file->mode != mode && holding_is_converting(&file->member)))
		request_reply(request, request->acquire.non_blocking ? -EAGAIN : -ENOLCK);
	else if (file->mode == mode)
		reply_locked_already(request);
	else
		convert(request, mode);
}

/* Has the file the lock, in a way that this request can be part of? */
static bool may_lock_again(const struct request *request)
{
	const struct lock_file *file = request->acquire.file;

	if (!file_lock_is_held(file))
		return false;
	return !is_excluded(request, file) || (request->posix.lock ? posix_lock_uses(request->posix.lock, file) : file->flocked);
}

void file_lock(struct request *request)
{
	struct lock_file *file = request->acquire.file;
	int err = 0;

	if (request->posix.lock) {
		posix_locks_drop_dead(file);
		posix_attempt_join(&request->posix);
	}
	if (may_lock_again(request)) {
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
	if (!file_lock_is_held(file))
		lock_file_drop_lost(file);
	/* The file acquired nothing by its creation, or that holding has ended or was unlocked, or is another owner's of fcntl(2). */
	if (file_lock_is_held(file) || !file->id || !lock_file_token(file) || lock_file_has_ended(file))
		acquire_by_name(request);
	else
		bind_created(request);
}

void file_lock_on_unlocked(void *ctx, int status)
{
	/* A holding that had ended before is unlocked as well. */
	request_reply(ctx, status == -ENOENT || status == -EPERM ? 0 : status);
}
