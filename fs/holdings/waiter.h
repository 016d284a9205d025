/*
 * An acquisition on behalf of a request that may have to wait: pending until the
 * lock is had, its time is over, its attempts are used up, or its caller is
 * interrupted. Only CREATE in a directory that nobody else has (see
 * request_reply_entry()) and FLOCK wait: whatever else is pending, the kernel
 * keeps others waiting for it.
 */
#ifndef FS_HOLDINGS_WAITER_H
#define FS_HOLDINGS_WAITER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/util/deadlines.h"
#include "backend/util/quota.h"
#include "fs/names/patience.h"
#include "lockfs/backend.h"

/* All that wait at one mount. */
struct waiters {
	struct backend *backend;
	struct deadlines due;
	struct waiter *all;
	struct waiter *to_end; /* those that were told to end, until the loop's next turn */
	uv_prepare_t turn;
	struct quota quota;    /* of each user; set by the caller */
	int64_t limit_ms;      /* of a request, see request_timeout.h; 0: none */
	int64_t min_interval_ms;   /* between looks at a key; set by the caller */
	struct polled_key *polled; /* keys that are asked about again and again */
	bool refuses;              /* see waiters_refuse() */
};

struct waiter {
	struct acquisition acquisition; /* set by the caller, but for how it waits and is answered */
	struct patience patience;
	/*
	 * Answers once: with what the backend said, -ETIMEDOUT or -EEXIST when
	 * it has waited or tried enough, -EINTR, or what waiter_end_later() said;
	 * at once where its user has too many.
	 */
	backend_lock_done *done;
	void *ctx;

	/* The rest belongs to waiter.c. */
	struct waiters *waiters;
	fuse_req_t fuse;
	bool asking;          /* the backend has it */
	bool interruptible;
	bool told;            /* it is in `to_end` */
	bool ends;            /* with this status, unless the lock was had before: */
	int end_status;
	unsigned int attempts; /* made */
	struct polled_key *polled; /* whose looks it shares; NULL: it asks by itself */
	int64_t deadline_ns;   /* CLOCK_BOOTTIME; 0: none */
	int late_status;       /* what that means */
	bool timed;
	struct heap_item alarm;
	struct waiter *prev, *next;
	struct waiter *told_prev, *told_next;
};

/* `limit_ms` as request_timeout_ms() has it. Returns 0 or a negative errno. The backend is set by the caller. */
int waiters_init(struct waiters *waiters, uv_loop_t *loop, int64_t limit_ms);

/*
 * From now on nothing is bound to an open file: all waiters, and each that is started,
 * end with -ESHUTDOWN. A bound holding that the backend has granted already is given back.
 */
void waiters_refuse(struct waiters *waiters);

/* Answers those that pause with -ESHUTDOWN; the others when the backend is closed. */
void waiters_stop(struct waiters *waiters);

/* Starts one that the caller filled in; `done` may be called before this returns. */
void waiter_start(struct waiters *waiters, struct waiter *waiter, fuse_req_t fuse);

/* Ends it with this status, soon, unless it has the lock by then. */
void waiter_end_later(struct waiter *waiter, int status);

/* Ends all with this status, now; in a server, when it has answered. */
void waiters_end_all(struct waiters *waiters, int status);

/* Ends those that were told to: after each request, before another one lets them have what they gave up. */
void waiters_end_told(struct waiters *waiters);

#endif
