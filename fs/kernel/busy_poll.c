#include "fs/kernel/busy_poll.h"

#include <sched.h>
#include <stdbool.h>

#define CREDIT_MAX 8

/* Of so many sleeps one is a trial. Who sleeps hears of work too late to tell when it came. */
#define TRIAL_EVERY 16

/* With one CPU, nobody could make work meanwhile. */
static bool has_company(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) < 0 || CPU_COUNT(&cpus) > 1;
}

void spin_init(struct spin *spin, uv_loop_t *loop, unsigned long most_us)
{
	*spin = (struct spin){ .most_ns = has_company() ? most_us * 1000 : 0 };
	uv_idle_init(loop, &spin->idle);
	spin->idle.data = spin;
}

/* While an idle handle is active, the loop looks for work without sleeping. */
static void on_idle(uv_idle_t *idle)
{
	const struct spin *spin = idle->data;

	if (uv_hrtime() - spin->worked_ns > spin->most_ns)
		uv_idle_stop(idle);
	else
		sched_yield();
}

static void learn(struct spin_habit *habit, bool was_soon)
{
	if (was_soon)
		habit->credit += habit->credit < CREDIT_MAX;
	else
		habit->credit -= habit->credit > 0;
}

static bool is_worth_it(struct spin_habit *habit)
{
	return habit->credit > 0 || ++habit->slept % TRIAL_EVERY == 0;
}

void spin_worked(struct spin *spin, enum spin_work work)
{
	uint64_t now_ns;

	if (spin->most_ns == 0 || uv_is_closing((uv_handle_t *)&spin->idle))
		return;
	now_ns = uv_hrtime();
	learn(&spin->habits[spin->work], now_ns - spin->worked_ns <= spin->most_ns);
	if (is_worth_it(&spin->habits[work]))
		uv_idle_start(&spin->idle, on_idle);
	else
		uv_idle_stop(&spin->idle);
	spin->worked_ns = now_ns;
	spin->work = work;
}

void spin_stop(struct spin *spin)
{
	uv_close((uv_handle_t *)&spin->idle, NULL);
}
