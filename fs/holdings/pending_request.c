#include "fs/holdings/pending_request.h"

#include <stddef.h>
#include <utlist.h>


static void tell(struct parked *parked)
{
	struct parking *parking = parked->parking;

	if (parked->is_told)
		return;
	parked->is_told = true;
	DL_DELETE(parking->all, parked);
	DL_APPEND(parking->told, parked);
}

/* Called by libfuse while it holds the request, so nothing is done about it yet. */
static void on_interrupt(fuse_req_t fuse, void *data)
{
	(void)fuse;
	tell(data);
}

static void on_limit(uv_timer_t *timer);

static void arm_limit(struct parking *parking)
{
	uint64_t now_ms = uv_now(parking->limit.loop);
	uint64_t limit_ms = parking->all ? parking->all->limit_ms : 0;

	if (limit_ms)
		uv_timer_start(&parking->limit, on_limit, limit_ms > now_ms ? limit_ms - now_ms : 0, 0);
}

static void on_limit(uv_timer_t *timer)
{
	struct parking *parking = timer->data;

	while (parking->all && parking->all->limit_ms <= uv_now(timer->loop))
		tell(parking->all);
	arm_limit(parking);
}

void park(struct parking *parking, struct parked *parked, fuse_req_t fuse)
{
	parked->parking = parking;
	parked->fuse = fuse;
	DL_APPEND(parking->all, parked);
	if (parking->limit_ms) {
		parked->limit_ms = uv_now(parking->limit.loop) + (uint64_t)parking->limit_ms;
		arm_limit(parking);
	}
	/* It may say at once that it is interrupted. */
	fuse_req_interrupt_func(fuse, on_interrupt, parked);
}

fuse_req_t unpark(struct parked *parked)
{
	if (parked->is_told)
		DL_DELETE(parked->parking->told, parked);
	else
		DL_DELETE(parked->parking->all, parked);
	parked->is_told = false;
	/* From here on libfuse does not call back, so that the memory may go. */
	fuse_req_interrupt_func(parked->fuse, NULL, NULL);
	return parked->fuse;
}

/* Before the loop sleeps again, as in waiter.c. */
static void on_turn(uv_prepare_t *turn)
{
	struct parking *parking = turn->data;

	while (parking->told)
		parking->told->interrupted(parking->told);
}

void parking_init(struct parking *parking, uv_loop_t *loop, int64_t limit_ms)
{
	*parking = (struct parking){ .limit_ms = limit_ms };
	uv_prepare_init(loop, &parking->turn);
	parking->turn.data = parking;
	uv_prepare_start(&parking->turn, on_turn);
	uv_timer_init(loop, &parking->limit);
	parking->limit.data = parking;
}

void parking_stop(struct parking *parking)
{
	uv_close((uv_handle_t *)&parking->turn, NULL);
	uv_close((uv_handle_t *)&parking->limit, NULL);
}
