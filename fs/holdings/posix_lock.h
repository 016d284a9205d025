/*
 * The locks of fcntl(2) on this mount: who has which key locked, through which open files. The kernel names the owner by a
 * number: the descriptor table of a process (F_SETLK), or an open file (F_OFD_SETLK); these cannot be told apart. All open files
 * through which an owner has locked a key are bound to one holding.
 *
 * The kernel gives a number to the next owner as soon as the last one is gone. So a lock ends with FLUSH, which names its owner,
 * or when the last open file that it was taken through is closed.
 */
#ifndef FS_HOLDINGS_POSIX_LOCK_H
#define FS_HOLDINGS_POSIX_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/util/hash.h"
#include "fs/caller/process.h"
#include "fs/holdings/byte_ranges.h"
#include "lockfs/lock.h"

struct lock_file;
struct posix_lock;
struct renewal;
struct request;

/* That an owner has a key locked through an open file. */
struct posix_use {
	struct posix_lock *lock;
	struct lock_file *file;
	struct posix_use *prev, *next;               /* of the lock */
	struct posix_use *file_prev, *file_next;     /* of the file */
};

/* The lock of an owner on a key. It also exists while requests are served that may make it one; then `uses` is NULL. */
struct posix_lock {
	struct posix_use *uses;
	struct posix_attempt *waiting; /* requests that wait to lock the key for the owner */
	size_t requests;            /* that have it, see posix_attempt_begin() */
	pid_t pid;                  /* the process that locked it last */
	struct byte_ranges exclusive, shared; /* what the owner has locked */
	struct process process;     /* the owner, if a file does not tell of its closing (lock_file_flushes()); pid 0: all do */
	struct posix_lock **locks;  /* the table that it is in */
	bool found;                 /* it is in the table; false if its owner cannot be told by the number, but only by the open file */
	UT_hash_handle hh;
	struct posix_owner {
		uint64_t number;
		char key[];
	} owner; /* last: it ends in the key */
};

/* What a request to lock keeps until its reply. */
struct posix_attempt {
	struct posix_lock *lock;   /* NULL: the request is none of fcntl(2) */
	struct posix_use *use;     /* for the success */
	struct lock_file *file;
	pid_t process;             /* the calling process */
	struct byte_range range;
	enum lock_mode mode;
	bool keeps;                /* the holding stays bound to the file until this attempt has ended */
	struct posix_attempt *prev, *next; /* in lock->waiting */
};

/* Has any owner locked this key on this mount by fcntl(2), or is about to? */
bool posix_locks_have(const struct posix_lock *locks, const char *key);

/* Finds the lock of an owner on a key, for a call of `process` on `file`. NULL: it has none. */
struct posix_lock *posix_lock_find(struct posix_lock *locks, uint64_t owner, const char *key, const struct lock_file *file,
                                   pid_t process);

/*
 * Begins to lock `key` through `file` for an owner. All memory is taken now, so that what is acquired can be kept.
 * attempt->process, range and mode are set by the caller. Returns 0 or -ENOMEM.
 */
int posix_attempt_begin(struct posix_attempt *attempt, struct posix_lock **locks, uint64_t owner, const char *key,
                        struct lock_file *file);

/* Ends an attempt, successful or not. Accepts one that was not begun. */
void posix_attempt_end(struct posix_attempt *attempt);

/*
 * Ends the locks through this file whose process is known to have died, without a FLUSH for what it opened by creating. The
 * file stays bound.
 */
void posix_locks_drop_dead(struct lock_file *file);

/* Binds the file to the holding of the owner's lock, if it has one that has not ended: the attempt then converts or keeps that. */
void posix_attempt_join(struct posix_attempt *attempt);

/* Keeps the holding bound to the file until the attempt ends, also if everything that has it locked is unlocked meanwhile. */
void posix_attempt_keep(struct posix_attempt *attempt);

/* Books the success of an attempt: its file is bound to the holding. */
void posix_attempt_succeed(struct posix_attempt *attempt);

/* The mode of the owner's lock when the attempt has succeeded. */
enum lock_mode posix_attempt_mode(const struct posix_attempt *attempt);

/* Returns a lock of another owner on the holding of this file that excludes this mode, or NULL. */
const struct posix_lock *posix_lock_against(const struct lock_file *file, uint64_t owner, enum lock_mode mode);

/*
 * Has anything else locked the holding of this file, or is about to, so that a call on the file in this mode is refused? `own`: the
 * caller's lock of fcntl(2); NULL: the call is flock(2). What was locked through the same open file by flock(2) and by fcntl(2)
 * excludes nothing.
 */
bool posix_lock_excludes(const struct lock_file *file, const struct posix_lock *own, enum lock_mode mode);

/*
 * The mode in which the holding of this file is needed by all that has it locked, other than the lock `but` (NULL: none)
 * and the flock(2) of `file` itself if `without_flock`. LOCK_SHARED if nothing needs it.
 */
enum lock_mode posix_lock_needed_mode(const struct lock_file *file, const struct posix_lock *but, bool without_flock);

/* Has the owner locked the holding that this file belongs to? `lock` may be NULL. */
bool posix_lock_uses(const struct posix_lock *lock, const struct lock_file *file);

/* Unlocks a range. Returns true if something is still locked. */
bool posix_lock_keeps(struct posix_lock *lock, struct byte_range range);

/*
 * Ends the lock. Its files become handles, unless something else has them locked. May free it. Returns the renewal of the
 * holding, for renewal_release() or renewal_discard(); NULL if the holding has ended or has other locks.
 */
struct renewal *posix_lock_end(struct posix_lock *lock);

/* The file is being closed: ends the locks that no other open file was used for. The holding is the caller's to unbind. */
void posix_locks_close(struct lock_file *file);

#endif
