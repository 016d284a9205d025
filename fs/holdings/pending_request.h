/*
 * Requests that wait for something else than a lock: kept unanswered until it
 * happens, or until whoever asked is interrupted, as also where the kernel would wait
 * no longer (limit.h); programs ask again then. (Those for a lock: waiter.h.)
 */
#ifndef FS_HOLDINGS_PENDING_REQUEST_H
#define FS_HOLDINGS_PENDING_REQUEST_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

/* All at one mount. */
struct parking {
	struct parked *told; /* those that were interrupted, until the loop's turn is over */
	struct parked *all;  /* the others, the longest first */
	uv_prepare_t turn;
	uv_timer_t limit;
	int64_t limit_ms; /* of each of them; 0: none */
};

/* Embedded by what waits. */
struct parked {
	void (*interrupted)(struct parked *parked); /* unparks it, and replies EINTR */

	/* The rest belongs to parked.c. */
	fuse_req_t fuse;
	struct parking *parking;
	bool is_told;
	uint64_t limit_ms; /* on the loop's clock, until when it is answered */
	struct parked *prev, *next;
};

/* `limit_ms` as request_limit_ms() has it. */
void parking_init(struct parking *parking, uv_loop_t *loop, int64_t limit_ms);

/* When nothing is parked any more. */
void parking_stop(struct parking *parking);

/* From now on `parked->interrupted` may be called, by the loop. */
void park(struct parking *parking, struct parked *parked, fuse_req_t fuse);

/* From now on not any more, so that the request may be replied to, which is returned. */
fuse_req_t unpark(struct parked *parked);

#endif
