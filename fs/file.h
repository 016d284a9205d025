/*
 * Open files. Each belongs to one holding of a lock; when that ends, whoever
 * polls one of its files is told.
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/table.h"

struct holding;

struct file {
	struct holding *holding;
	struct fuse_pollhandle *poll; /* of who waits, or NULL */
	pid_t acquirer; /* the process that acquired with it, or 0 */
	struct file *prev, *next; /* of the same holding */
};

/* The holdings that have open files, by token; token 0 has the open handles of free locks. */
struct holdings {
	struct holding *by_token;
};

/* NULL where there is no memory. */
struct file *file_open(struct holdings *holdings, uint64_t token, pid_t acquirer);
void file_close(struct holdings *holdings, struct file *file);

/* Closes what the kernel has not closed when a mount ends. */
void holdings_free(struct holdings *holdings);

/* Keeps `handle` (NULL: none) to tell of the end; returns what poll(2) reports now. */
unsigned int file_poll(struct file *file, struct fuse_pollhandle *handle);

/* This holding has ended: tells everybody who polls. */
void holdings_end(struct holdings *holdings, uint64_t token);

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
