/*
 * Passes over directories that are beginning: their listings, a page at a time. All of a
 * mount take turns, one page in each turn of the loop and one question to the backend at
 * a time, so that a large directory keeps nobody waiting, and a small one waits for a
 * page of each of the others at the most.
 */
#ifndef FS_LISTING_DIR_READS_H
#define FS_LISTING_DIR_READS_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

#include "fs/holdings/pending_request.h"
#include "fs/listing/dir_stream.h"
#include "lockfs/backend.h"

/* All at one mount. */
struct dir_reads {
	struct backend *backend;  /* set by the owner */
	struct pending_requests *pending;
	struct dir_read *waiting; /* for their turn */
	struct dir_read *asking;  /* whose page is under way; NULL: none */
	int64_t asked_ns;         /* when the last page was asked for, on CLOCK_BOOTTIME */
	uv_timer_t pause;
	uv_idle_t turn; /* active while the next page is for the next turn of the loop */
	int64_t patience_ns; /* an interrupt ends one that takes longer than this */
};

void dir_reads_init(struct dir_reads *reads, uv_loop_t *loop, struct pending_requests *pending, int64_t timeout_ms);

/* Ends all, before the backend is closed. */
void dir_reads_stop(struct dir_reads *reads);

/* The pass has begun (0), or why it did not: a negative errno. */
typedef void dir_read_done(void *ctx, int status);

/* Fills `stream` with the names in the directory `path` for the request `fuse`, and then calls `done` once. */
void dir_reads_start(struct dir_reads *reads, struct dir_stream *stream, const char *path, fuse_req_t fuse,
                     dir_read_done *done, void *ctx);

/* Ends the pass that is beginning in a stream, if any, with this status. */
void dir_reads_give_up(struct dir_stream *stream, int status);

#endif
