/*
 * FUSE requests that are answered later: acquisitions that wait for a lock (waiter.h),
 * reads of events, directory listings. A pending request ends early if its caller is
 * interrupted, and shortly before the kernel's own time limit for requests.
 *
 * libfuse holds a lock of its own while it reports an interrupt, so nothing is answered
 * within that call: the request ends in the next turn of the loop.
 */
#ifndef FS_HOLDINGS_PENDING_REQUEST_H
#define FS_HOLDINGS_PENDING_REQUEST_H

#include <fuse_lowlevel.h>
#include <stdint.h>
#include <uv.h>

/* All at one mount. */
struct pending_requests {
	struct pending_request *waiting; /* in the order in which they began */
	struct pending_request *ending;  /* their on_end is called next */
	uv_prepare_t turn;
	uv_timer_t limit;
	int64_t limit_ms; /* for each request; 0: no limit */
};

enum pending_state { PENDING_WAITING, PENDING_ENDING, PENDING_ENDED };

/* Embedded in what waits. */
struct pending_request {
	/*
	 * Ends the request early: called at most once, with end_status set. It, or a later
	 * call, replies after pending_request_end().
	 */
	void (*on_end)(struct pending_request *pending);
	int end_status; /* -EINTR: interrupted; -ETIMEDOUT: over the limit; or the status given to pending_request_end_later() */

	/* The rest belongs to pending_request.c. */
	fuse_req_t fuse;
	struct pending_requests *requests;
	enum pending_state state;
	uint64_t limit_ms; /* on the clock of the loop, which like that of the kernel's limit (jiffies) stops during suspend; 0: no limit */
	struct pending_request *prev, *next; /* in the list of its state; a request in PENDING_ENDED is in none */
};

/* `limit_ms` is the result of request_timeout_ms(). */
void pending_requests_init(struct pending_requests *requests, uv_loop_t *loop, int64_t limit_ms);

/* Called when no request is pending that could still end early. */
void pending_requests_stop(struct pending_requests *requests);

/* Calls the on_end of all requests that were interrupted or told to end. */
void pending_requests_end_due(struct pending_requests *requests);

/* From now on the request may end early. */
void pending_request_begin(struct pending_requests *requests, struct pending_request *pending, fuse_req_t fuse);

/* From now on the request may end early by pending_request_end_later() alone. */
void pending_request_begin_uninterruptible(struct pending_requests *requests, struct pending_request *pending, fuse_req_t fuse);

/* Ends the request with this status in the next turn of the loop, unless it ends before. */
void pending_request_end_later(struct pending_request *pending, int status);

/* The request is about to be replied to, and does not end early any more. Returns the FUSE request. */
fuse_req_t pending_request_end(struct pending_request *pending);

#endif
