/*
 * The guard has copies of the locks' descriptors, so that these stay bound while the group of the command still runs. It sleeps in
 * one poll(2) for as long as lockctl lives. It has a process group of its own: timeout(1) and shells kill whole groups.
 */
#include "scripts/lockctl/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scripts/lockctl/group.h"
#include "scripts/lockctl/run.h"

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all descriptors but these, as a pipe of the caller must not stay open because of us. */
static void close_all_but(int *kept, size_t count)
{
	unsigned int from = 0;

	qsort(kept, count, sizeof(*kept), by_number);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned int)kept[i] > from)
			close_range(from, (unsigned int)kept[i] - 1, 0);
		from = (unsigned int)kept[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static void be_guard(const struct run *run, int lockctl)
{
	struct pollfd end = { .fd = lockctl, .events = POLLIN };
	int kept[LOCKS_MAX + 1] = { lockctl };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "lockctl-guard");
	for (size_t i = 0; i < run->count; i++)
		kept[i + 1] = run->locks[i].fd;
	close_all_but(kept, run->count + 1);
	if (chdir("/") < 0)
		return;
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	group_stop(run->child, run->options->grace_ms, NULL, NULL, -1);
}

void guard_start(struct run *run)
{
	int lockctl = pidfd_open(getpid(), 0);

	run->guard = lockctl < 0 ? -1 : fork();
	if (run->guard == 0) {
		be_guard(run, lockctl);
		_exit(0);
	}
	if (lockctl >= 0)
		close(lockctl);
}

void guard_end(const struct run *run)
{
	if (run->guard <= 0)
		return;
	kill(run->guard, SIGKILL);
	waitpid(run->guard, NULL, 0);
}
