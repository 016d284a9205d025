/* Keeps the lists of pending requests, and ends those that were interrupted or have reached the time limit. */
#include "fs/holdings/pending_request.h"

#include <errno.h>
#include <stddef.h>
#include <utlist.h>

void pending_request_end_later(struct pending_request *pending, int status)
{
	struct pending_requests *requests = pending->requests;

	if (pending->state != PENDING_WAITING)
		return;
	pending->state = PENDING_ENDING;
	pending->end_status = status;
	DL_DELETE(requests->waiting, pending);
	DL_APPEND(requests->ending, pending);
}

/* libfuse calls this with the request locked, so the request ends later. */
static void on_interrupt(fuse_req_t fuse, void *data)
{
	(void)fuse;
	pending_request_end_later(data, -EINTR);
}

/* All limits are equally long, so of the requests that have one the first in the list reaches it first. */
static struct pending_request *first_limited(const struct pending_requests *requests)
{
	struct pending_request *pending;

	DL_FOREACH(requests->waiting, pending)
		if (pending->limit_ms)
			return pending;
	return NULL;
}

static void on_limit(uv_timer_t *timer)
{
	struct pending_requests *requests = timer->data;
	struct pending_request *first;

	while ((first = first_limited(requests)) && first->limit_ms <= uv_now(timer->loop))
		pending_request_end_later(first, -ETIMEDOUT);
	if (first)
		uv_timer_start(timer, on_limit, first->limit_ms - uv_now(timer->loop), 0);
}

void pending_request_begin_uninterruptible(struct pending_requests *requests, struct pending_request *pending, fuse_req_t fuse)
{
	pending->requests = requests;
	pending->fuse = fuse;
	pending->state = PENDING_WAITING;
	DL_APPEND(requests->waiting, pending);
}

void pending_request_begin(struct pending_requests *requests, struct pending_request *pending, fuse_req_t fuse)
{
	pending_request_begin_uninterruptible(requests, pending, fuse);
	if (requests->limit_ms) {
		pending->limit_ms = uv_now(requests->limit.loop) + (uint64_t)requests->limit_ms;
		/* An active timer is set for an earlier request. */
		if (!uv_is_active((uv_handle_t *)&requests->limit))
			uv_timer_start(&requests->limit, on_limit, (uint64_t)requests->limit_ms, 0);
	}
	/* libfuse calls on_interrupt() from here if the request has been interrupted already. */
	fuse_req_interrupt_func(fuse, on_interrupt, pending);
}

fuse_req_t pending_request_end(struct pending_request *pending)
{
	if (pending->state == PENDING_WAITING)
		DL_DELETE(pending->requests->waiting, pending);
	else if (pending->state == PENDING_ENDING)
		DL_DELETE(pending->requests->ending, pending);
	pending->state = PENDING_ENDED;
	/* From here on libfuse does not call on_interrupt(), so the memory may be freed. */
	fuse_req_interrupt_func(pending->fuse, NULL, NULL);
	return pending->fuse;
}

void pending_requests_end_due(struct pending_requests *requests)
{
	while (requests->ending) {
		struct pending_request *pending = requests->ending;

		DL_DELETE(requests->ending, pending);
		pending->state = PENDING_ENDED;
		pending->on_end(pending);
	}
}

/* Before the loop sleeps: the backend or a timer may have told requests to end. */
static void on_turn(uv_prepare_t *turn)
{
	pending_requests_end_due(turn->data);
}

void pending_requests_init(struct pending_requests *requests, uv_loop_t *loop, int64_t limit_ms)
{
	*requests = (struct pending_requests){ .limit_ms = limit_ms };
	uv_prepare_init(loop, &requests->turn);
	requests->turn.data = requests;
	uv_prepare_start(&requests->turn, on_turn);
	uv_timer_init(loop, &requests->limit);
	requests->limit.data = requests;
}

void pending_requests_stop(struct pending_requests *requests)
{
	uv_close((uv_handle_t *)&requests->turn, NULL);
	uv_close((uv_handle_t *)&requests->limit, NULL);
}
