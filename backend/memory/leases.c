#include "backend/memory/leases.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "backend/clock.h"

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct leases *leases = poll->data;
	uint64_t expirations;

	(void)status;
	(void)events;
	/* EAGAIN says that it was set anew since: then it is not due, and nothing is taken out. */
	if (read(leases->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		leases->armed_ns = 0;
	leases->on_due(leases);
}

int leases_init(struct leases *leases, uv_loop_t *loop, void (*on_due)(struct leases *leases))
{
	int err;

	*leases = (struct leases){ .on_due = on_due };
	leases->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (leases->timer_fd < 0)
		return -errno;
	err = uv_poll_init(loop, &leases->poll, leases->timer_fd);
	if (err < 0) {
		close(leases->timer_fd);
		return err;
	}
	leases->poll.data = leases;
	return 0;
}

int leases_start(struct leases *leases)
{
	return uv_poll_start(&leases->poll, UV_READABLE, on_timer);
}

void leases_arm(struct leases *leases)
{
	const struct heap_item *first = heap_first(&leases->heap);

	/*
	 * A timer that is early costs one look; so a lease that was taken and
	 * released again, the common case, costs no system call each time.
	 */
	if (!first || (leases->armed_ns && leases->armed_ns <= first->due))
		return;

	struct itimerspec at = {
		.it_value = { .tv_sec = first->due / NS_PER_S, .tv_nsec = first->due % NS_PER_S },
	};
	if (timerfd_settime(leases->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		leases->armed_ns = first->due;
}

void leases_close(struct leases *leases, uv_close_cb closed)
{
	uv_poll_stop(&leases->poll);
	close(leases->timer_fd);
	leases->timer_fd = -1;
	heap_free(&leases->heap);
	uv_close((uv_handle_t *)&leases->poll, closed);
}
