/*
 * Requests that wait for something else than a lock: kept unanswered until it
 * happens, or until whoever asked is interrupted, as also where the kernel would wait
 * no longer (request_timeout.h); programs ask again then. (Those for a lock: waiter.h.)
 */
#ifndef FS_HOLDINGS_PENDING_REQUEST_H
#define FS_HOLDINGS_PENDING_REQUEST_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

/* All at one mount. */
struct pending_requests {
	struct pending_request *told; /* those that were interrupted, until the loop's turn is over */
	struct pending_request *all;  /* the others, the longest first */
	uv_prepare_t turn;
	uv_timer_t limit;
	int64_t limit_ms; /* of each of them; 0: none */
};

/* Embedded by what waits. */
struct pending_request {
	void (*interrupted)(struct pending_request *pending); /* unparks it, and replies EINTR */

	/* The rest belongs to pending_request.c. */
	fuse_req_t fuse;
	struct pending_requests *parking;
	bool is_told;
	uint64_t limit_ms; /* on the loop's clock, until when it is answered */
	struct pending_request *prev, *next;
};

/* `limit_ms` as request_timeout_ms() has it. */
void pending_requests_init(struct pending_requests *parking, uv_loop_t *loop, int64_t limit_ms);

/* When nothing is pending any more. */
void pending_requests_stop(struct pending_requests *parking);

/* From now on `pending->interrupted` may be called, by the loop. */
void pending_request_begin(struct pending_requests *parking, struct pending_request *pending, fuse_req_t fuse);

/* From now on not any more, so that the request may be replied to, which is returned. */
fuse_req_t pending_request_end(struct pending_request *pending);

#endif
