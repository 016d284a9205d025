/*
 * Polls for more work for up to 200 us (option spin=) before the event loop sleeps. Waking a process on another CPU takes several
 * times as long as serving a request, and acquiring a lock takes several requests in a row. If the next work usually comes
 * later than that, the loop sleeps at once, except for a trial now and then.
 */
#ifndef FS_KERNEL_BUSY_POLL_H
#define FS_KERNEL_BUSY_POLL_H

#include <stdint.h>
#include <uv.h>

/* Kinds of work: a request from the kernel, and a reply of the backend. Each kind has its own habit. */
enum busy_poll_work { BUSY_POLL_REQUEST, BUSY_POLL_ANSWER, BUSY_POLL_WORK_COUNT };

/* How soon more work usually follows work of one kind. */
struct busy_poll_habit {
	unsigned int credit; /* goes up when the next work came soon, and down when it did not; 0: sleep at once */
	unsigned int slept;  /* times that the loop could have slept at once; every 16th time it polls as a trial */
};

struct busy_poll {
	uv_idle_t idle;           /* active while polling: libuv then does not sleep */
	uint64_t max_ns;          /* how long to poll; 0: never */
	uint64_t worked_ns;       /* uv_hrtime() of the last work */
	enum busy_poll_work work; /* kind of the last work */
	struct busy_poll_habit habits[BUSY_POLL_WORK_COUNT];
};

/* `max_us`: how long to poll, in microseconds; 0: never. */
void busy_poll_init(struct busy_poll *busy_poll, uv_loop_t *loop, unsigned long max_us);

/* Called after work of a kind was done: starts polling if more usually follows soon. */
void busy_poll_worked(struct busy_poll *busy_poll, enum busy_poll_work work);

/* Closes the handle; the struct may be freed after the loop's next iteration. */
void busy_poll_stop(struct busy_poll *busy_poll);

#endif
