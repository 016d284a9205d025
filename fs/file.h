/*
 * Open files, by the holding of a lock that they belong to. When a holding ends,
 * whoever polls one of its files is told. A holding that is polled is watched: by
 * the backend's events, and by looking again when its lease should have ended.
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/deadlines.h"
#include "backend/table.h"
#include "lockfs/backend.h"

struct holding;

struct file {
	struct holding *holding;
	struct fuse_pollhandle *poll; /* of who waits, or NULL */
	pid_t acquirer;               /* the process that acquired with it, or 0 */
	struct file *prev, *next;     /* of the same holding */
};

/* The holdings that have open files, by token; token 0 has the open handles of free locks. */
struct holdings {
	struct holding *by_token;
	struct backend *backend;
	struct deadlines rechecks;
	size_t watched;
};

/* Returns 0 or a negative errno. The backend is set by the caller. */
int holdings_init(struct holdings *holdings, uv_loop_t *loop);

/* Stops watching, before the backend is closed. */
void holdings_stop(struct holdings *holdings);

/* Closes what the kernel has not closed when a mount ends. */
void holdings_free(struct holdings *holdings);

/* NULL where there is no memory. */
struct file *file_open(struct holdings *holdings, const char *key, uint64_t token, pid_t acquirer);
void file_close(struct holdings *holdings, struct file *file);

/* Keeps `handle` (NULL: none) to tell of the end; returns what poll(2) reports now. */
unsigned int file_poll(struct holdings *holdings, struct file *file, struct fuse_pollhandle *handle);

/* Is the holding of this file known to have ended? */
bool file_has_ended(const struct file *file);

/* This holding has ended: tells everybody who polls. */
void holdings_end(struct holdings *holdings, uint64_t token);

/* Looks whether those that are watched are still there. */
void holdings_recheck(struct holdings *holdings);

/* Has `process` a file open that acquired this holding? */
bool holdings_acquired_by(const struct holdings *holdings, uint64_t token, pid_t process);

/* Has this holding any open file? */
bool holdings_is_open(const struct holdings *holdings, uint64_t token);

/* How open files travel through the kernel. */
static inline struct file *file_of(const struct fuse_file_info *info)
{
	return (struct file *)(uintptr_t)info->fh;
}

#endif
