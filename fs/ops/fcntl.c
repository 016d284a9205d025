/*
 * SETLK, GETLK and FLUSH: locks of fcntl(2). Any range of bytes means the whole lock; what an owner has locked is remembered, so
 * that the lock is kept until all of it is unlocked. The lock of a process ends when the process closes any descriptor of the
 * key (FLUSH), that of an open file with the file. See lockfs(5), LOCKING AN OPEN FILE.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/caller/caller.h"
#include "fs/caller/process.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/posix_lock.h"
#include "fs/holdings/renewal.h"
#include "fs/mount.h"
#include "fs/ops/file_lock.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static enum lock_mode mode_of_type(int type)
{
	return type == F_RDLCK ? LOCK_SHARED : LOCK_EXCLUSIVE;
}

/* Ends the lock of an owner. Returns the renewal to be released, or NULL. */
static struct renewal *end_lock(struct posix_lock *lock, const struct lock_file *file, const struct request *request)
{
	struct renewal *renewal = posix_lock_end(lock);

	if (file_lock_is_held(file))
		file_lock_end_others(file, request);
	return renewal;
}

static void unlock(struct request *request, const struct flock *lock)
{
	struct posix_lock *own = posix_lock_find(request->mount->lock_files->posix_locks, request->info.lock_owner, request->key,
		lock_file_of(&request->info), lock->l_pid);
	struct renewal *renewal = NULL;

	if (own && !posix_lock_keeps(own, byte_range(lock->l_start, lock->l_len)))
		renewal = end_lock(own, lock_file_of(&request->info), request);
	if (renewal)
		renewal_release(renewal, file_lock_on_unlocked, request);
	else
		request_reply(request, 0);
}

static void lock_range(struct request *request, const struct flock *lock, bool waits)
{
	int err = request->mount->options->read_only ? -EROFS : reserve_check(request->mount->reserve);

	request->acquire.file = lock_file_of(&request->info);
	request->acquire.mode = mode_of_type(lock->l_type);
	request->acquire.non_blocking = !waits;
	request->posix.process = lock->l_pid;
	request->posix.range = byte_range(lock->l_start, lock->l_len);
	request->posix.mode = request->acquire.mode;
	if (err == 0)
		err = posix_attempt_begin(&request->posix, &request->mount->lock_files->posix_locks, request->info.lock_owner,
			request->key, request->acquire.file);
	if (err < 0)
		request_reply(request, err);
	else
		file_lock(request);
}

void lock_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	if (lock->l_type == F_UNLCK)
		unlock(request, lock);
	else
		lock_range(request, lock, waits);
}

/* GETLK */

/* The caller's lock; an empty one if it has none. */
static const struct posix_lock *own_lock(const struct request *request)
{
	static const struct posix_lock none;
	const struct posix_lock *own = posix_lock_find(request->mount->lock_files->posix_locks, request->info.lock_owner,
		request->key, lock_file_of(&request->info), request->test.process);

	return own ? own : &none;
}

/* The open file that has the caller's holding: its own, or another one through which its process locked. NULL: it has none. */
static const struct lock_file *own_file(const struct request *request)
{
	const struct lock_file *file = lock_file_of(&request->info);
	const struct posix_lock *own = own_lock(request);

	if (file_lock_is_held(file) || (file->acquired && file->acquired == lock_file_token(file)))
		return file;
	return own->uses ? own->uses->file : NULL;
}

/* Kernel and caller know the process if it is on this host; for another one the answer is 0. */
static pid_t pid_of_holder(const struct request *request, const struct lock *lock)
{
	if (lock->foreign || strcmp(lock->holder.host, request->mount->callers->host) != 0)
		return 0;
	return lock->holder.pid;
}

/* The holder that keeps the caller from locking, in `ret`. Returns false if none does. */
static bool find_conflict(const struct request *request, const struct lock *lock, struct flock *ret)
{
	const struct lock_file *file = own_file(request);
	enum lock_mode mode = request->test.mode;
	bool is_own = file && lock->token == lock_file_token(file);
	const struct posix_lock *other = is_own ? posix_lock_against(file, request->info.lock_owner, mode) : NULL;

	*ret = (struct flock){ .l_type = lock->mode == LOCK_SHARED ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	if (other) {
		ret->l_type = other->exclusive.count > 0 ? F_WRLCK : F_RDLCK;
		ret->l_pid = other->pid;
		return true;
	}
	/* By flock(2) of another open file, which fcntl(2) of this process has locked as well. */
	if (is_own && posix_lock_excludes(file, own_lock(request), mode))
		return true;
	if (mode == LOCK_SHARED && (is_own || lock->mode == LOCK_SHARED))
		return false;
	/* Of an own shared lock, it is one of the other holders, of whom this is not told. */
	ret->l_pid = is_own ? 0 : pid_of_holder(request, lock);
	return !is_own || lock->holders > 1;
}

static void on_tested(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct flock answer = { .l_type = F_UNLCK };

	if (status < 0 && status != -ENOENT) {
		request_reply(request, status);
		return;
	}
	if (status < 0 || entry->kind != ENTRY_LOCK || !find_conflict(request, &entry->lock, &answer))
		answer = (struct flock){ .l_type = F_UNLCK };
	fuse_reply_lock(request->fuse, &answer);
	request_end(request);
}

void lock_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock)
{
	struct request *request = request_on_node(req, ino, info);
	const struct lock_file *own;

	if (!request)
		return;
	request->test.mode = mode_of_type(lock->l_type);
	/* The kernel sends the process with SETLK only. Without it, a lock through what an exclusive creation opened counts as another's. */
	(void)process_of_thread(fuse_req_ctx(req)->pid, &request->test.process);
	own = own_file(request);
	backend_read_as(request->mount->backend, request->key, NULL, own ? match_token(lock_file_token(own)) : match_any(),
		on_tested, request);
}

/* FLUSH */

/* close(2) succeeds whatever becomes of the lock: a release that fails is repeated. */
static void on_closed(void *ctx, int status)
{
	(void)status;
	request_reply(ctx, 0);
}

void lock_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct mount *mount = mount_of(req);
	const struct node *node = node_find(mount->nodes, ino);
	struct renewal *renewal = NULL;
	struct request *request;
	struct posix_lock *lock;
	pid_t process = 0;

	if (!node || !mount->lock_files->posix_locks) {
		fuse_reply_err(req, 0);
		return;
	}
	(void)process_of_thread(fuse_req_ctx(req)->pid, &process);
	lock = posix_lock_find(mount->lock_files->posix_locks, info->lock_owner, node_path(node), lock_file_of(info), process);
	if (lock)
		renewal = end_lock(lock, lock_file_of(info), NULL);
	if (!renewal) {
		fuse_reply_err(req, 0);
		return;
	}
	request = request_on_node(req, ino, info);
	renewal_release(renewal, request ? on_closed : NULL, request);
}
