/*
 * Looks for more to do for a moment before the loop sleeps. Waking a process on
 * another CPU takes several times as long as a request does, and who takes a lock
 * asks several times in a row. A loop whose next work comes later than that sleeps
 * at once, but for a trial now and then.
 */
#ifndef FS_KERNEL_BUSY_POLL_H
#define FS_KERNEL_BUSY_POLL_H

#include <stdint.h>
#include <uv.h>

/* After a request comes the backend's answer; after that, the next request. */
enum busy_poll_work { BUSY_POLL_REQUEST, BUSY_POLL_ANSWER, BUSY_POLL_WORK_COUNT };

/* How soon there is more after work of one kind. */
struct busy_poll_habit {
	unsigned int credit; /* grows with work that came soon, and is used up by what did not */
	unsigned int slept;  /* times that there was none */
};

struct busy_poll {
	uv_idle_t idle; /* active while it looks */
	uint64_t most_ns;
	uint64_t worked_ns; /* when there was work last, */
	enum busy_poll_work work; /* of this kind */
	struct busy_poll_habit habits[BUSY_POLL_WORK_COUNT];
};

/* `most_us`: how long it looks, in microseconds; 0: not at all. */
void busy_poll_init(struct busy_poll *busy_poll, uv_loop_t *loop, unsigned long most_us);

void busy_poll_worked(struct busy_poll *busy_poll, enum busy_poll_work work);

/* The handle is closed by the loop. */
void busy_poll_stop(struct busy_poll *busy_poll);

#endif
