/*
 * Open files of locks. Such a file belongs to a holding, or is a handle: an open file
 * that holds nothing yet, as flock(1) opens. The id of a holding that was acquired by
 * creating the file stays with it, so the open file proves the holding to the backend.
 */
#ifndef FS_HOLDINGS_LOCK_FILE_H
#define FS_HOLDINGS_LOCK_FILE_H

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/container_of.h"
#include "backend/util/quota.h"
#include "fs/caller/process.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/open_file.h"

struct node_table;
struct posix_lock;
struct posix_use;
struct request;

struct lock_file {
	struct open_file open_file;   /* first: the kernel's file handle points to it */
	struct holding_member member; /* of a holding; while it has none, the file is a handle */
	struct lock_files *files;
	struct fuse_pollhandle *poll; /* of the process that polls, or NULL */
	struct request *lockers;      /* FLOCK and SETLK requests that wait to lock this file */
	bool flocked;                 /* flock(2) or a view with `hold` has locked it, in flock_mode */
	enum lock_mode flock_mode;
	struct posix_use *posix_uses; /* fcntl(2) locks through this file */
	bool flock_upgrades;          /* the holding is being made exclusive for flock(2) of this file */
	const struct posix_lock *upgrading; /* the lock of fcntl(2) for which the holding is being made exclusive, or NULL */
	size_t attempts;              /* requests for fcntl(2) locks that keep the holding bound meanwhile */
	char *id;                     /* id of the holding that was acquired by creating this file, or NULL */
	uint64_t acquired;            /* token of that holding; 0: none */
	enum lock_mode mode;          /* of the holding that was acquired by creating it or is bound to it */
	fuse_ino_t node;              /* through which the kernel has it open */
	uid_t uid;                    /* the user who opened it and in whose quota it counts */
	pid_t acquirer;               /* the process that acquired by creating it; 0: none */
	struct process opener;        /* the process that opened it, if its view has `signal=` */
	bool may_write;               /* the holder opened or locked it */
	bool foreign;                 /* another Redis client took its lock, which keeps no content */
	bool may_lock;                /* its opener may create files in the directory, as has been checked */
	struct lock_file *prev, *next;
};

/* All at one mount. */
struct lock_files {
	struct lock_file *all;
	struct holdings *holdings; /* set by the owner */
	struct node_table *nodes;  /* set by the owner */
	struct posix_lock *posix_locks;
	struct quota quota;        /* open lock files of each user; set by the owner */
};

/* Closes the files that the kernel has not closed by the end of a mount. */
void lock_files_free(struct lock_files *files);

/*
 * Counts a file that `uid` is about to open, before anything is acquired for it. Returns 0,
 * or -EMFILE if that user has too many, or -ENOMEM; then it was not counted.
 */
int lock_file_count(struct lock_files *files, uid_t uid);

/* Takes back the count of a file that was not opened. */
void lock_file_uncount(struct lock_files *files, uid_t uid);

/*
 * Makes an open file of the holding `token` of `key`, which has been counted for `uid`.
 * lock_file_close() takes the count back. Returns NULL if there is no memory; then the
 * count is still the caller's to take back.
 */
struct lock_file *lock_file_open(struct lock_files *files, const char *key, uint64_t token, pid_t acquirer, uid_t uid);

/* Makes a handle; in all else as lock_file_open(). */
struct lock_file *lock_file_open_handle(struct lock_files *files, uid_t uid);

/* Closes a file. The holding that is bound to it is released. */
void lock_file_close(struct lock_file *file);

/* Closes a file that was just made for an acquired holding, and does not release that holding. */
void lock_file_discard(struct lock_file *file);

/* Keeps `handle` (NULL: none) to report the end of the holding; returns what poll(2) reports now. */
unsigned int lock_file_poll(struct lock_file *file, struct fuse_pollhandle *handle);

/* Is the holding of this file known to have ended? */
bool lock_file_has_ended(const struct lock_file *file);

/* Returns the token of the holding of this file; 0: it is a handle. */
uint64_t lock_file_token(const struct lock_file *file);

/* Binds a holding to this file, by holding_bind(), which has the arguments and the result. */
int lock_file_bind(struct lock_file *file, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient);

/*
 * The holding of this file was converted to `lock`, which has another token. All open files of the holding, and their nodes,
 * go on with it. Returns 0, or -ENOMEM or -EIO as holding_convert() does.
 */
int lock_file_convert(struct lock_file *file, const struct lock *lock);

/*
 * The holding `token` of `key` was moved: it is `lock` now, at another key. Its open files, and their nodes, go on with it. If
 * that cannot be, they are told that their holding has ended, which signals a process whose lock it was.
 */
void lock_files_move(struct lock_files *files, const char *key, uint64_t token, const struct lock *lock);

/*
 * Makes a file a handle to which a holding was bound. Returns the renewal, for renewal_release() or renewal_discard(); NULL
 * if the holding is bound to another file as well.
 */
struct renewal *lock_file_unbind(struct lock_file *file);

/* As lock_file_unbind(), unless flock(2) or fcntl(2) has the file locked; then, or if it is not bound, returns NULL. */
struct renewal *lock_file_unbind_if_unclaimed(struct lock_file *file);

/* Ends what is bound to the file, as it is lost: the file stays with it, and may be bound to another holding. */
void lock_file_drop_lost(struct lock_file *file);

/* Has flock(2) or fcntl(2) locked the file? */
static inline bool lock_file_is_claimed(const struct lock_file *file)
{
	return file->flocked || file->posix_uses || file->attempts > 0;
}

/* Binds the holding that is bound to `other` to this file as well. */
void lock_file_share(struct lock_file *file, struct lock_file *other);

/* Does the kernel send FLUSH for this file? What created it spares that. */
static inline bool lock_file_flushes(const struct lock_file *file)
{
	return file->acquired == 0;
}

/*
 * Returns the id of the holding that this file has acquired or that is bound to it: an
 * open file proves its holding. NULL: neither.
 */
const char *lock_file_proof(const struct lock_file *file);

/*
 * Returns the id that an open file of the node `number` proves for the holding `token`, or
 * NULL. `created`: only a file by whose creation the holding was acquired counts.
 */
const char *lock_files_proof(const struct lock_files *files, uint64_t token, fuse_ino_t number, bool created);

/* Has `process` an open file by whose creation it acquired this holding? */
bool lock_files_acquired_by(const struct lock_files *files, uint64_t token, pid_t process);

/*
 * Do these flags open a lock that another holds as a handle, in a view in which creating for
 * writing acquires? Yes for flags by which programs open in order to lock: reading, O_RDWR,
 * and appending without blocking, as by setlock(8) and chpst(8).
 */
static inline bool opens_handle(int flags)
{
	int append = O_APPEND | O_NONBLOCK;

	if (flags & (O_EXCL | O_TRUNC))
		return false;
	return (flags & O_ACCMODE) != O_WRONLY || (flags & append) == append;
}

/* The open file that has this place in a holding. */
static inline struct lock_file *lock_file_of_member(const struct holding_member *member)
{
	return container_of(member, struct lock_file, member);
}

/* The open file that the kernel's file handle stands for. */
static inline struct lock_file *lock_file_of(const struct fuse_file_info *info)
{
	return (struct lock_file *)open_file_of(info);
}

#endif
