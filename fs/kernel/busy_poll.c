/*
 * Learns from the time between pieces of work whether polling pays. A loop that sleeps notices work too late to learn from it,
 * so it polls once in 16 times as a trial.
 */
#include "fs/kernel/busy_poll.h"

#include <sched.h>
#include <stdbool.h>

#define CREDIT_MAX 8

#define TRIAL_EVERY 16 /* sleeps per trial */

/* May this process run on more than one CPU? With one CPU, no other process could make work while this one polls. */
static bool has_cpus(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) < 0 || CPU_COUNT(&cpus) > 1;
}

void busy_poll_init(struct busy_poll *busy_poll, uv_loop_t *loop, unsigned long max_us)
{
	*busy_poll = (struct busy_poll){ .max_ns = has_cpus() ? max_us * 1000 : 0 };
	uv_idle_init(loop, &busy_poll->idle);
	busy_poll->idle.data = busy_poll;
}

/* Runs in each loop iteration while polling; stops it when its time is over. */
static void on_idle(uv_idle_t *idle)
{
	const struct busy_poll *busy_poll = idle->data;

	if (uv_hrtime() - busy_poll->worked_ns > busy_poll->max_ns)
		uv_idle_stop(idle);
	else
		sched_yield();
}

static void learn(struct busy_poll_habit *habit, bool was_soon)
{
	if (was_soon)
		habit->credit += habit->credit < CREDIT_MAX;
	else
		habit->credit -= habit->credit > 0;
}

static bool is_worth_it(struct busy_poll_habit *habit)
{
	return habit->credit > 0 || ++habit->slept % TRIAL_EVERY == 0;
}

void busy_poll_worked(struct busy_poll *busy_poll, enum busy_poll_work work)
{
	uint64_t now_ns;

	if (busy_poll->max_ns == 0 || uv_is_closing((uv_handle_t *)&busy_poll->idle))
		return;
	now_ns = uv_hrtime();
	learn(&busy_poll->habits[busy_poll->work], now_ns - busy_poll->worked_ns <= busy_poll->max_ns);
	if (is_worth_it(&busy_poll->habits[work]))
		uv_idle_start(&busy_poll->idle, on_idle);
	else
		uv_idle_stop(&busy_poll->idle);
	busy_poll->worked_ns = now_ns;
	busy_poll->work = work;
}

void busy_poll_stop(struct busy_poll *busy_poll)
{
	uv_close((uv_handle_t *)&busy_poll->idle, NULL);
}
