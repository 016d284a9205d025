#include "fs/parked.h"

#include <stddef.h>
#include <utlist.h>

/* Called by libfuse while it holds the request, so nothing is done about it yet. */
static void on_interrupt(fuse_req_t fuse, void *data)
{
	struct parked *parked = data;

	(void)fuse;
	if (parked->is_told)
		return;
	parked->is_told = true;
	DL_APPEND(parked->parking->told, parked);
}

void park(struct parking *parking, struct parked *parked, fuse_req_t fuse)
{
	parked->parking = parking;
	parked->fuse = fuse;
	/* It may say at once that it is interrupted. */
	fuse_req_interrupt_func(fuse, on_interrupt, parked);
}

fuse_req_t unpark(struct parked *parked)
{
	if (parked->is_told)
		DL_DELETE(parked->parking->told, parked);
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

void parking_init(struct parking *parking, uv_loop_t *loop)
{
	*parking = (struct parking){ 0 };
	uv_prepare_init(loop, &parking->turn);
	parking->turn.data = parking;
	uv_prepare_start(&parking->turn, on_turn);
}

void parking_stop(struct parking *parking)
{
	uv_close((uv_handle_t *)&parking->turn, NULL);
}
