/*
 * SETATTR: setting the times of a lock refreshes it, setting its size truncates its content, and its permission bits are
 * kept; a directory's mode and owner are settings of the namespace. See lockfs(5), PLAIN OPERATIONS and DIRECTORIES.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "fs/caller/permission.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/lock_file.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

static void reply_lock_attr(struct request *request, int status, const struct lock *lock)
{
	struct entry entry = { .kind = ENTRY_LOCK };

	if (status == -ENOENT) {
		request_reply_ended(request);
		return;
	}
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	holdings_adopt(request->mount->holdings, lock);
	entry.lock = *lock;
	request_reply_attr(request, &entry);
}

static void on_changed(void *ctx, int status, const struct lock *lock)
{
	reply_lock_attr(ctx, status, lock);
}

/* Replies with the attributes of a handle whose lock nobody holds. */
static void reply_unheld(struct request *request)
{
	struct stat attr = attr_of_ended(request->node);

	fuse_reply_attr(request->fuse, &attr, 0);
	request_end(request);
}

static void on_read_unexpiring(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (!request_finds_holding(request, status, entry) && status == 0)
		status = -ENOENT;
	reply_lock_attr(request, status, status < 0 ? NULL : &entry->lock);
}

static void on_refreshed(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	/* A lock that never expires cannot be refreshed. touch(1) sets times right after creating: that must succeed. */
	if (status == -ENOTSUP &&
		lock_files_acquired_by(request->mount->lock_files, request->token, request->caller.process))
		backend_read_holding(request->mount->backend, request->key, request->token, on_read_unexpiring, request);
	else
		reply_lock_attr(request, status, lock);
}

/* Refuses to change a holding that has ended, without asking the backend, which might still show the holding. */
static void refuse_ended(struct request *request, int which)
{
	if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME))
		request_refuse_refresh(request);
	else
		request_reply_stale(request, -ENOENT);
}

#define SECONDS_MAX (INT64_MAX / 1000 - 1) /* the farthest time that fits in milliseconds */

/*
 * The time that a lock or directory is to show, in whole milliseconds; TIME_UNSET: the present. It is rounded to the nearest one:
 * JavaScript gives fractions of a second that are a little smaller than the milliseconds that it means, and compares later.
 */
static int64_t given_time_ms(const struct stat *attr, int which)
{
	enum { NS_IN_MS = 1000000, HALF = NS_IN_MS / 2 };


	if (!(which & FUSE_SET_ATTR_MTIME) || (which & FUSE_SET_ATTR_MTIME_NOW))
		return TIME_UNSET;
	if (attr->st_mtim.tv_sec > SECONDS_MAX)
		return SECONDS_MAX * 1000;
	if (attr->st_mtim.tv_sec < -SECONDS_MAX)
		return -SECONDS_MAX * 1000;
	return attr->st_mtim.tv_sec * 1000 + (attr->st_mtim.tv_nsec + HALF) / NS_IN_MS;
}

static void on_permissions_set(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;
	mode_t permissions = request->permissions;
	bool is_unheld = status == -ENOENT && !request->token;

	if (status == 0 || is_unheld)
		request->node->next_permissions = permissions;
	if (is_unheld) {
		request->node->permissions.mode = S_IFREG | permissions;
		reply_unheld(request);
	} else {
		reply_lock_attr(request, status, lock);
	}
}

/* Sets the permission bits of a lock; through a handle while nobody holds the lock, those of the one that it may acquire. */
static void set_permissions(struct request *request, mode_t permissions)
{
	request->permissions = permissions;
	backend_set_permissions(request->mount->backend, request->key, &request->claim, request->access.match, permissions,
		on_permissions_set, request);
}

static void on_read_unchanged(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == 0 && (entry->kind != ENTRY_LOCK || !holding_matches(request->access.match, entry->lock.token)))
		status = -ENOENT;
	if (status == -ENOENT && !request->token)
		reply_unheld(request);
	else
		reply_lock_attr(request, status, status < 0 ? NULL : &entry->lock);
}

/* The owner and group of a lock are its holder's. To set what they are changes nothing, as cp -p does. */
static void keep_owner(struct request *request, const struct stat *attr, int which)
{
	const struct permissions *lock = &request->access.of;
	bool is_other = ((which & FUSE_SET_ATTR_UID) && attr->st_uid != lock->uid) ||
		((which & FUSE_SET_ATTR_GID) && attr->st_gid != lock->gid);

	if (is_other)
		request_reply(request, -EPERM);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, request->access.match, on_read_unchanged, request);
}

static void set_lock_attr(struct request *request, const struct stat *attr, int which)
{
	struct backend *backend = request->mount->backend;
	const struct lock_claim *claim = &request->claim;
	int64_t ttl_ms = node_view(request->node)->ttl_ms;
	struct holding_match match = request->access.match;
	int err;

	if (request_has_ended(request)) {
		refuse_ended(request, which);
		return;
	}
	if (!request_identify_holder_or_reply(request))
		return;
	if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		keep_owner(request, attr, which);
		return;
	}
	if (which & FUSE_SET_ATTR_MODE) {
		set_permissions(request, attr->st_mode & LOCK_PERMISSION_BITS);
		return;
	}
	if (which & FUSE_SET_ATTR_SIZE) {
		err = attr->st_size > 0 ? reserve_check(request->mount->reserve) : 0;
		if (err < 0) {
			request_reply(request, err);
			return;
		}
		backend_truncate(backend, request->key, claim, match, attr->st_size, on_changed, request);
		return;
	}
	err = holdings_admit_lease(request->mount->holdings, request->key, match, ttl_ms);
	if (err < 0)
		request_reply(request, err);
	else
		backend_refresh(backend, request->key, claim, match, ttl_ms, given_time_ms(attr, which), on_refreshed,
			request);
}

static void on_dir_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == 0 && entry->kind != ENTRY_DIR)
		status = -ENOENT;
	if (status < 0)
		request_reply(request, status);
	else
		request_reply_attr(request, entry);
}

static void on_dir_configured(void *ctx, int status)
{
	struct request *request = ctx;

	if (status < 0)
		request_reply(request, status);
	else
		backend_read(request->mount->backend, request->key, on_dir_read, request);
}

/* A caller who is not in the group of a directory cannot set its S_ISGID. As in the kernel, that is no error. */
static mode_t settable_mode(const struct request *request, const struct stat *attr, int which)
{
	gid_t gid = which & FUSE_SET_ATTR_GID ? attr->st_gid : request->access.of.gid;
	mode_t mode = attr->st_mode & 07777;
	struct credentials caller;

	access_caller(request, &caller);
	return (mode & S_ISGID) && !permission_in_group(&caller, gid) ? mode & ~(mode_t)S_ISGID : mode;
}

static void set_dir_attr(struct request *request, const struct stat *attr, int which)
{
	int64_t modified_ms = given_time_ms(attr, which);
	unsigned int settings = 0;

	request->dir = (struct dir_info){
		.mode = settable_mode(request, attr, which),
		.uid = attr->st_uid,
		.gid = attr->st_gid,
		.modified_ms = modified_ms == TIME_UNSET ? epoch_ns() / NS_PER_MS : modified_ms,
	};
	if (which & FUSE_SET_ATTR_MODE)
		settings |= DIR_MODE;
	if (which & FUSE_SET_ATTR_UID)
		settings |= DIR_UID;
	if (which & FUSE_SET_ATTR_GID)
		settings |= DIR_GID;
	if (which & FUSE_SET_ATTR_MTIME)
		settings |= DIR_MODIFIED;
	backend_configure_dir(request->mount->backend, request->key, settings, &request->dir, on_dir_configured,
		request);
}

/* The rule of the times: everybody who may write may set both to now, and only the owner may do more. */
static int may_set_times(const struct credentials *caller, const struct permissions *file, int which)
{
	enum { NOW = FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW };

	if (permission_is_owner(caller, file))
		return 0;
	return (which & NOW) == NOW ? permission_check(caller, file, W_OK) : -EPERM;
}

/* The rules of the kernel's setattr_prepare() and its callers, in their order. */
static int may_set(struct request *request)
{
	enum { TIMES = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME };
	const struct permissions *file = &request->access.of;
	const struct stat *attr = &request->set.attr;
	int which = request->set.which;
	struct credentials caller;
	int err = 0;

	access_caller(request, &caller);
	/* The open file of a holding was checked when it was opened; through a handle, the lock is another's then. */
	if ((which & FUSE_SET_ATTR_SIZE) && !(request->info.fh && request->token))
		err = permission_check(&caller, file, W_OK);
	if (err < 0 && request->info.fh && !permission_is_owner(&caller, file))
		err = -EBUSY;
	if (err == 0 && (which & FUSE_SET_ATTR_UID))
		err = permission_check_chown(&caller, file, attr->st_uid);
	if (err == 0 && (which & FUSE_SET_ATTR_GID))
		err = permission_check_chgrp(&caller, file, attr->st_gid);
	if (err == 0 && (which & FUSE_SET_ATTR_MODE) && !permission_is_owner(&caller, file))
		err = -EPERM;
	if (err == 0 && (which & TIMES))
		err = may_set_times(&caller, file, which);
	return err;
}

static void set_attr(struct request *request)
{
	/* Copies, as the operation may keep other data in their place. */
	struct stat attr = request->set.attr;
	int which = request->set.which;

	if (attr_is_fixed(request->node) || node_is_control(request->node))
		request_reply(request, -EPERM);
	else if (node_kind(request->node) == NODE_DIR)
		set_dir_attr(request, &attr, which);
	else
		set_lock_attr(request, &attr, which);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	request->set.attr = *attr;
	request->set.which = which;
	access_check(request, may_set, set_attr);
}
