/*
 * Reads of directories: listings that are fetched page by page from the backend. All reads of a mount take turns, one
 * page in each turn of the loop, so that a large directory delays no other request, and a small directory waits for at
 * most one page of each other read.
 */
#ifndef FS_LISTING_DIR_READS_H
#define FS_LISTING_DIR_READS_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

#include "fs/holdings/pending_request.h"
#include "fs/listing/dir_stream.h"
#include "lockfs/backend.h"

/* All reads of one mount. */
struct dir_reads {
	struct backend *backend;     /* set by the mount */
	struct pending_requests *pending;
	struct dir_read *waiting;    /* reads that wait for their turn, the first due first */
	struct dir_read *requesting; /* the read whose page is being requested; NULL: none */
	int64_t requested_ns;        /* CLOCK_BOOTTIME, when the last page was requested */
	uv_timer_t pause;            /* active while the next page waits for its time */
	uv_idle_t turn;              /* active while the next page waits for the next turn of the loop */
	int64_t interruptible_after_ns; /* an interrupt ends a read only if it has taken this long */
};

/* `timeout_ms`: an interrupt ends a read only after this time. */
void dir_reads_init(struct dir_reads *reads, uv_loop_t *loop, struct pending_requests *pending, int64_t timeout_ms);

/* Ends all reads with -ESHUTDOWN, before the backend is closed. */
void dir_reads_stop(struct dir_reads *reads);

/* `status`: 0 if the stream has all names, or a negative errno. */
typedef void dir_read_done(void *ctx, int status);

/* Fills `stream` with the names in the directory `path` for the request `fuse`; then calls `done`, exactly once. */
void dir_reads_start(struct dir_reads *reads, struct dir_stream *stream, const char *path, fuse_req_t fuse,
                     dir_read_done *done, void *ctx);

/* Ends the read that is filling `stream`, if there is one, with this status. */
void dir_reads_give_up(struct dir_stream *stream, int status);

#endif
