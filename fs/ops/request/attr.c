/*
 * Attributes of locks and directories. The inode number is a hash of the path, so that it is equal in all views and on
 * all mounts; programs compare it to tell whether two descriptors are of one file. Of two locks that link(2) has linked it is
 * that of the first one, as programs compare it after link(2).
 */
#include "fs/ops/request/attr.h"

#include <string.h>
#include <sys/stat.h>

#include "backend/util/clock.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/request/claim.h"
#include "fs/options.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

#define BLOCK_SIZE 512

static struct timespec timespec_of_ms(int64_t ms)
{
	int64_t seconds = ms / 1000;
	int64_t rest = ms % 1000;

	/* Before the epoch too, the nanoseconds count forward. */
	if (rest < 0) {
		seconds--;
		rest += 1000;
	}
	return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest * 1000000 };
}

static struct stat attr_of_dir(const struct node *node, const struct dir_info *dir)
{
	struct timespec modified = timespec_of_ms(dir->modified_ms);

	return (struct stat){
		.st_ino = path_inode(node->name.path),
		.st_mode = S_IFDIR | dir->mode,
		.st_nlink = 1, /* by convention: subdirectories are not counted */
		.st_uid = dir->uid,
		.st_gid = dir->gid,
		.st_blksize = BLOCK_SIZE,
		.st_atim = modified,
		.st_mtim = modified,
		.st_ctim = timespec_of_ms(dir->changed_ms),
	};
}

bool attr_shows_lock_dirs(const struct mount *mount, const struct node *dir)
{
	const struct view_options *view = node_view(dir);

	return (view->lockdir || mount->options->lockdir) && !view->as_files;
}

mode_t attr_type(const struct mount *mount, const struct node *node, enum lock_form form)
{
	static const mode_t types[] = { [FORM_FILE] = S_IFREG, [FORM_SYMLINK] = S_IFLNK, [FORM_DIRECTORY] = S_IFDIR, [FORM_UNKNOWN] = 0 };
	bool may_be_other = (node_kind(node) == NODE_LOCK || node_kind(node) == NODE_DIR) && !node_view(node)->as_files;

	if (!may_be_other || (form == FORM_DIRECTORY && !attr_shows_lock_dirs(mount, node)))
		return S_IFREG;
	return types[form];
}

/* Type and permission bits. A directory that is shown as a file is no program. */
static mode_t mode_of_lock(const struct mount *mount, const struct node *node, const struct lock *lock)
{
	enum { EXECUTABLE = 0111 };

	switch (attr_type(mount, node, lock->form)) {
	case S_IFLNK:
		return SYMLINK_MODE;
	case S_IFDIR:
		return S_IFDIR | lock->permissions;
	default:
		return S_IFREG | (lock->form == FORM_DIRECTORY ? lock->permissions & ~(mode_t)EXECUTABLE : lock->permissions);
	}
}

static struct stat attr_of_lock(const struct mount *mount, const struct node *node, const struct lock *lock,
                                const struct fuse_ctx *caller)
{
	const char *id = given_id(mount, node);
	bool is_holder = id && !lock->granted && strcmp(id, lock->holder.claim.id) == 0;
	/* Another Redis client has no user here, so its lock belongs to the owner of the tree. */
	uid_t uid = lock->foreign ? mount->options->uid : lock->holder.uid;
	gid_t gid = lock->foreign ? mount->options->gid : lock->holder.gid;

	return (struct stat){
		.st_ino = path_inode(lock->linked ? lock->first_key : node_path(node)),
		.st_mode = mode_of_lock(mount, node, lock),
		.st_nlink = lock->linked ? 2 : 1,
		.st_uid = is_holder ? caller->uid : uid,
		.st_gid = is_holder ? caller->gid : gid,
		.st_size = (off_t)lock->content_size,
		.st_blksize = LOCK_CONTENT_MAX,
		.st_blocks = (blkcnt_t)((lock->content_size + BLOCK_SIZE - 1) / BLOCK_SIZE),
		.st_atim = timespec_of_ms(lock->refreshed_ms),
		.st_mtim = timespec_of_ms(lock->modified_ms),
		.st_ctim = timespec_of_ms(lock->acquired_ms),
	};
}

struct stat attr_of_entry(const struct mount *mount, const struct node *node, const struct entry *entry,
                          const struct fuse_ctx *caller)
{
	if (entry->kind == ENTRY_LOCK)
		return attr_of_lock(mount, node, &entry->lock, caller);
	return attr_of_dir(node, &entry->dir);
}

bool attr_is_fixed(const struct node *node)
{
	return node_kind(node) == NODE_WITH || (node_kind(node) == NODE_DIR && !*node->name.path);
}

struct stat attr_of_fixed(const struct mount *mount, const struct node *node)
{
	const struct options *options = mount->options;
	struct dir_info dir = {
		.mode = node_kind(node) == NODE_WITH ? 0555 : options->mode,
		.uid = options->uid,
		.gid = options->gid,
		.changed_ms = mount->mounted_ms,
		.modified_ms = mount->mounted_ms,
	};
	struct stat attr = attr_of_dir(node, &dir);

	if (node_kind(node) == NODE_WITH)
		attr.st_ino = path_inode(".with");
	return attr;
}

/* The times are the present: programs that look for stale locks would think that one that ended just now is very old. */
struct stat attr_of_ended(const struct node *node)
{
	struct timespec now = timespec_of_ms(epoch_ns() / NS_PER_MS);

	return (struct stat){
		.st_ino = path_inode(node_path(node)),
		.st_mode = node->permissions.mode,
		.st_uid = node->permissions.uid,
		.st_gid = node->permissions.gid,
		.st_blksize = LOCK_CONTENT_MAX,
		.st_atim = now,
		.st_mtim = now,
		.st_ctim = now,
	};
}

double attr_timeout(const struct node *node)
{
	if (attr_is_fixed(node))
		return ATTR_TIMEOUT_FIXED;
	return node_kind(node) == NODE_DIR ? ATTR_TIMEOUT_DIR : 0;
}
