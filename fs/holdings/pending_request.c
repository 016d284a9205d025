#include "fs/holdings/pending_request.h"

#include <stddef.h>
#include <utlist.h>

static void tell(struct pending_request *pending)
{
	struct pending_requests *parking = pending->parking;

	if (pending->is_told)
		return;
	pending->is_told = true;
	DL_DELETE(parking->all, pending);
	DL_APPEND(parking->told, pending);
}

/* Called by libfuse while it holds the request, so nothing is done about it yet. */
static void on_interrupt(fuse_req_t fuse, void *data)
{
	(void)fuse;
	tell(data);
}

static void on_limit(uv_timer_t *timer);

static void arm_limit(struct pending_requests *parking)
{
	uint64_t now_ms = uv_now(parking->limit.loop);
	uint64_t limit_ms = parking->all ? parking->all->limit_ms : 0;

	if (limit_ms)
		uv_timer_start(&parking->limit, on_limit, limit_ms > now_ms ? limit_ms - now_ms : 0, 0);
}

static void on_limit(uv_timer_t *timer)
{
	struct pending_requests *parking = timer->data;

	while (parking->all && parking->all->limit_ms <= uv_now(timer->loop))
		tell(parking->all);
	arm_limit(parking);
}

void pending_request_begin(struct pending_requests *parking, struct pending_request *pending, fuse_req_t fuse)
{
	pending->parking = parking;
	pending->fuse = fuse;
	DL_APPEND(parking->all, pending);
	if (parking->limit_ms) {
		pending->limit_ms = uv_now(parking->limit.loop) + (uint64_t)parking->limit_ms;
		arm_limit(parking);
	}
	/* It may say at once that it is interrupted. */
	fuse_req_interrupt_func(fuse, on_interrupt, pending);
}

fuse_req_t pending_request_end(struct pending_request *pending)
{
	if (pending->is_told)
		DL_DELETE(pending->parking->told, pending);
	else
		DL_DELETE(pending->parking->all, pending);
	pending->is_told = false;
	/* From here on libfuse does not call back, so that the memory may go. */
	fuse_req_interrupt_func(pending->fuse, NULL, NULL);
	return pending->fuse;
}

/* Before the loop sleeps again, as in waiter.c. */
static void on_turn(uv_prepare_t *turn)
{
	struct pending_requests *parking = turn->data;

	while (parking->told)
		parking->told->interrupted(parking->told);
}

void pending_requests_init(struct pending_requests *parking, uv_loop_t *loop, int64_t limit_ms)
{
	*parking = (struct pending_requests){ .limit_ms = limit_ms };
	uv_prepare_init(loop, &parking->turn);
	parking->turn.data = parking;
	uv_prepare_start(&parking->turn, on_turn);
	uv_timer_init(loop, &parking->limit);
	parking->limit.data = parking;
}

void pending_requests_stop(struct pending_requests *parking)
{
	uv_close((uv_handle_t *)&parking->turn, NULL);
	uv_close((uv_handle_t *)&parking->limit, NULL);
}
