/*
 * An acquisition on behalf of a FUSE request that may have to wait. The request is pending
 * until the lock is acquired, its time or its attempts are used up, or its caller is
 * interrupted. Only two requests may wait: FLOCK, and CREATE in a directory node that no
 * other process shares (dir_token() in fs/names/node.h). While any other request is
 * pending, the kernel makes other processes wait for it.
 */
#ifndef FS_HOLDINGS_WAITER_H
#define FS_HOLDINGS_WAITER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/util/deadlines.h"
#include "backend/util/quota.h"
#include "fs/holdings/pending_request.h"
#include "fs/holdings/polled_key.h"
#include "fs/names/patience.h"
#include "lockfs/backend.h"

/* All at one mount. */
struct waiters {
	struct backend *backend;          /* set by the owner */
	struct pending_requests *pending;
	struct deadlines due;
	struct waiter *all;
	struct quota quota;               /* waiting requests of each user; set by the owner */
	int64_t min_interval_ms;          /* between polls of a key; set by the owner */
	struct polled_keys polled_keys;
	bool refuses;                     /* see waiters_refuse() */
};

struct waiter {
	/* Set by the caller, except for `waits`, `poll_ms`, `done` and `ctx`. */
	struct acquisition acquisition;
	struct patience patience;
	/*
	 * Called once, with the answer of the backend, -ETIMEDOUT after the longest wait,
	 * -EEXIST after the last attempt, -EINTR, the status of waiter_end_later(), or the
	 * error of the quota.
	 */
	backend_lock_done *done;
	void *ctx;

	/* The rest belongs to waiter.c. */
	struct waiters *waiters;
	struct pending_request pending;
	bool asking;               /* the backend has not answered its call */
	bool ends;                 /* it ends with end_status, unless the backend has granted the lock before */
	int end_status;
	unsigned int attempts;     /* made so far */
	struct polled_key *polled; /* NULL: its polls are its own */
	int64_t deadline_ns;       /* CLOCK_BOOTTIME; 0: none */
	int deadline_status;       /* the status at the deadline: -ETIMEDOUT, or -EEXIST after the last attempt */
	bool timed;                /* `alarm` is in the heap */
	struct heap_item alarm;    /* the deadline or the next attempt */
	struct waiter *prev, *next;
};

/* Returns 0 or a negative errno. */
int waiters_init(struct waiters *waiters, uv_loop_t *loop, struct pending_requests *pending);

/*
 * From now on nothing is bound to an open file: all waiters, and every waiter that is
 * started later, end with -ESHUTDOWN. A bound holding that the backend has granted
 * already is given back.
 */
void waiters_refuse(struct waiters *waiters);

/* Ends the waiters between two polls with -ESHUTDOWN. backend_close() ends the others. */
void waiters_stop(struct waiters *waiters);

/* Starts a waiter that the caller has filled in. `done` may be called before this returns. */
void waiter_start(struct waiters *waiters, struct waiter *waiter, fuse_req_t fuse);

/* Ends a waiter with this status in the next turn of the loop, unless it has the lock by then. */
void waiter_end_later(struct waiter *waiter, int status);

/* Ends all waiters with this status now. If a server must be asked first, they end when it has answered. */
void waiters_end_all(struct waiters *waiters, int status);

#endif
