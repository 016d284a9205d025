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
enum spin_work { SPIN_REQUEST, SPIN_ANSWER, SPIN_WORK_COUNT };

/* How soon there is more after work of one kind. */
struct spin_habit {
	unsigned int credit; /* grows with work that came soon, and is used up by what did not */
	unsigned int slept;  /* times that there was none */
};

struct spin {
	uv_idle_t idle; /* active while it looks */
	uint64_t most_ns;
	uint64_t worked_ns; /* when there was work last, */
	enum spin_work work; /* of this kind */
	struct spin_habit habits[SPIN_WORK_COUNT];
};

/* `most_us`: how long it looks, in microseconds; 0: not at all. */
void spin_init(struct spin *spin, uv_loop_t *loop, unsigned long most_us);

void spin_worked(struct spin *spin, enum spin_work work);

/* The handle is closed by the loop. */
void spin_stop(struct spin *spin);

#endif
