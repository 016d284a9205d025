/* Many deadlines with one timer on CLOCK_BOOTTIME: a heap, and a timerfd that the loop polls. */
#include "backend/util/deadlines.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/util/clock.h"

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct deadlines *deadlines = poll->data;
	uint64_t expirations;

	(void)status;
	(void)events;
	/* EAGAIN: the timer was set again since, so nothing is due yet, and on_due takes nothing out. */
	if (read(deadlines->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		deadlines->armed_ns = 0;
	deadlines->on_due(deadlines);
}

int deadlines_init(struct deadlines *deadlines, uv_loop_t *loop, void (*on_due)(struct deadlines *deadlines))
{
	int err;

	*deadlines = (struct deadlines){ .on_due = on_due };
	deadlines->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (deadlines->timer_fd < 0)
		return -errno;
	err = uv_poll_init(loop, &deadlines->poll, deadlines->timer_fd);
	if (err < 0) {
		close(deadlines->timer_fd);
		return err;
	}
	deadlines->poll.data = deadlines;
	/* Fails only for a handle that is being closed. */
	return uv_poll_start(&deadlines->poll, UV_READABLE, on_timer);
}

void deadlines_arm(struct deadlines *deadlines)
{
	const struct heap_item *first = heap_first(&deadlines->heap);

	/*
	 * The timer may fire too early: then on_due finds nothing. That is cheaper than a system call for each
	 * deadline that is added and removed again, as most leases are.
	 */
	if (!first || (deadlines->armed_ns && deadlines->armed_ns <= first->due))
		return;

	struct itimerspec at = {
		.it_value = { .tv_sec = first->due / NS_PER_S, .tv_nsec = first->due % NS_PER_S },
	};
	if (timerfd_settime(deadlines->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		deadlines->armed_ns = first->due;
}

void deadlines_close(struct deadlines *deadlines, uv_close_cb closed)
{
	uv_poll_stop(&deadlines->poll);
	close(deadlines->timer_fd);
	deadlines->timer_fd = -1;
	heap_free(&deadlines->heap);
	uv_close((uv_handle_t *)&deadlines->poll, closed);
}
