/*
 * Open files, by the holding of a lock that they belong to. When a holding ends,
 * whoever polls one of its files is told. A holding that is polled is watched: by
 * the backend's events, and by looking again when its lease should have ended. One
 * that is bound to a file is kept (renewal.h) until that file is closed or unlocked.
 */
#ifndef FS_HOLDINGS_HOLDING_H
#define FS_HOLDINGS_HOLDING_H

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/deadlines.h"
#include "backend/util/hash.h"
#include "backend/util/quota.h"
#include "fs/caller/process.h"
#include "fs/holdings/event_interest.h"
#include "fs/holdings/open_file.h"
#include "fs/holdings/renewal.h"
#include "lockfs/backend.h"

struct holding;
struct node_table;
struct request;

struct file {
	struct open_file opened;
	struct holding *holding;      /* NULL: it is a handle, and holds nothing */
	struct fuse_pollhandle *poll; /* of who waits, or NULL */
	struct renewal *renewal;            /* what keeps its holding, which is bound to it, or NULL */
	struct request *lockers;      /* who waits to lock it */
	char *id;                     /* of the holding that was acquired by creating it, or NULL */
	uint64_t acquired;            /* that holding; 0: none */
	fuse_ino_t node;              /* through which the kernel has it open */
	uid_t uid;                    /* of who opened it, in whose quota it counts */
	pid_t acquirer;               /* the process that acquired with it, or 0 */
	struct process opener;        /* that a signal is to be sent to, if any */
	bool may_write;               /* it was opened by the holder */
	bool foreign;                 /* its lock was taken by another client, and keeps no content */
	bool may_lock;                /* it was made by creating, so the kernel has checked that its opener may */
	struct file *prev, *next;     /* of the same holding, or of all handles */
};

/* The holdings that have open files, and the open files that belong to none. */
struct holdings {
	struct holding *by_token;
	struct holding *ended; /* those whose key and token may name another holding by now */
	struct file *handles;
	struct node_table *nodes; /* set by the owner */
	uint64_t last_serial;
	struct quota quota; /* of the files of each user; set by the owner */
	struct backend *backend;
	struct event_interest *listening;
	struct deadlines rechecks;
	size_t watched;
};

/* Returns 0 or a negative errno. The backend and `listening` are set by the caller. */
int holdings_init(struct holdings *holdings, uv_loop_t *loop);

/* Stops watching, before the backend is closed. */
void holdings_stop(struct holdings *holdings);

/*
 * No process has a file open any more, whether or not the kernel told of each close:
 * releases what is bound. No request may wait for a lock. The files stay, as requests
 * that nobody waits for may still be under way on them.
 */
void holdings_let_go(struct holdings *holdings);

/* Closes what the kernel has not closed when a mount ends. */
void holdings_free(struct holdings *holdings);

/*
 * Counts a file that `uid` is about to open, before anything is acquired for it. Returns 0,
 * or -EMFILE if that user has too many, or -ENOMEM; then it was not counted.
 */
int file_count(struct holdings *holdings, uid_t uid);

/* Takes back the count of a file that was not opened. */
void file_uncount(struct holdings *holdings, uid_t uid);

/*
 * An open file of a holding. `uid` has been counted for it, which file_close() takes back.
 * NULL if there is no memory: the count is still the caller's.
 */
struct file *file_open(struct holdings *holdings, const char *key, uint64_t token, pid_t acquirer, uid_t uid);

/* An open file that holds nothing; otherwise as file_open(). */
struct file *file_open_handle(struct holdings *holdings, uid_t uid);

void file_close(struct holdings *holdings, struct file *file);

/* Closes a file that was just made for what was acquired, and does not release that. */
void file_discard(struct holdings *holdings, struct file *file);

/* Keeps `handle` (NULL: none) to tell of the end; returns what poll(2) reports now. */
unsigned int file_poll(struct holdings *holdings, struct file *file, struct fuse_pollhandle *handle);

/* Is the holding of this file known to have ended? */
bool file_has_ended(const struct file *file);

/* The holding it belongs to; 0: it is a handle. */
uint64_t file_token(const struct file *file);

/* Makes it a file of the holding that `keep` keeps, and `keep` its own. Returns 0 or -ENOMEM. */
int file_bind(struct holdings *holdings, struct file *file, const char *key, uint64_t token, struct renewal *renewal);

/* Makes it a handle again; what it kept is the caller's. */
void file_unbind(struct holdings *holdings, struct file *file);

/* This holding of this key has ended: tells everybody who polls. `taken`: not by its holder's will. */
void holdings_end(struct holdings *holdings, const char *key, uint64_t token, bool taken);

/*
 * An event says that this holding has ended, which anybody may have published. Whoever
 * polls it is told once the backend, asked soon, says so too. What is kept for a file
 * ends by on_ended of the backend, or by the clock here.
 */
void holdings_doubt(struct holdings *holdings, const char *key, uint64_t token);

/* Looks whether this holding is still there, if it is watched or kept, and what is left of its lease. */
void holdings_recheck(struct holdings *holdings, uint64_t token);

/* Looks so after all holdings. */
void holdings_recheck_all(struct holdings *holdings);

/* May the lease of a holding, if it is kept here, be this one? Returns 0, or what the quota of renewals says. */
int holdings_admit_lease(const struct holdings *holdings, const char *key, uint64_t token, int64_t ttl_ms);

/* The lease of a holding is now as `lock` says. */
void holdings_adopt(struct holdings *holdings, const struct lock *lock);

/* Has `process` a file open that acquired this holding? */
bool holdings_acquired_by(const struct holdings *holdings, uint64_t token, pid_t process);

/*
 * The id of the holding that this file has acquired, or that is bound to it: having the file
 * proves that. NULL: neither.
 */
const char *file_proof(const struct file *file);

/*
 * The id of a holding that whoever asks through the node `number` has, as an open file of
 * that node proves; `created`: only one by whose creation it was acquired counts. Or NULL.
 */
const char *holdings_proof(const struct holdings *holdings, uint64_t token, fuse_ino_t number, bool created);

/* Has this holding of this key an open file, and is known to have ended? */
bool holdings_has_ended(const struct holdings *holdings, const char *key, uint64_t token);

/* How many holdings have open files. */
size_t holdings_count(const struct holdings *holdings);

/*
 * May another's lock be opened with these flags, as a handle: to be read, or to be
 * waited for by flock(2)? So it is of flock(1), of `exec 9<>…`, and of setlock(8)
 * and chpst(8), which append without blocking.
 */
static inline bool opens_handle(int flags)
{
	int append = O_APPEND | O_NONBLOCK;

	if (flags & (O_EXCL | O_TRUNC))
		return false;
	return (flags & O_ACCMODE) != O_WRONLY || (flags & append) == append;
}

/* How open files travel through the kernel. */
static inline struct file *file_of(const struct fuse_file_info *info)
{
	return (struct file *)open_file_of(info);
}

#endif
