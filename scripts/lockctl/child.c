/* Starts the command of `lockctl run`, and ends as it ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scripts/lockctl/run.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

static void become(const struct run *run, char **command, pid_t parent)
{
	int error;

	setpgid(0, 0);
	if (run->terminal.in_front)
		terminal_give(&run->terminal, getpid());
	/* By KILL: TERM could be ignored, and nobody is left who would look after that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_LOST);
	sigaction(SIGCHLD, &run->child_action_before, NULL);
	sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
	execvp(command[0], command);
	error = errno;
	say("cannot run %s: %s", shown(command[0]), strerror(error));
	_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
}

void child_start(struct run *run, char **command)
{
	pid_t parent = getpid();

	fflush(stdout);
	run->child = fork();
	if (run->child < 0)
		die(STATUS_CANNOT_RUN, "cannot run %s: %s", shown(command[0]), strerror(errno));
	if (run->child == 0)
		become(run, command, parent);
	/* Both sides do it, as nobody knows which is first. */
	setpgid(run->child, run->child);
	if (run->terminal.in_front)
		terminal_give(&run->terminal, run->child);
}

/* A shell that called us is to see the signal, so that one Ctrl-C ends a whole script. */
static void die_of(int signal)
{
	struct rlimit no_core = { 0, 0 };
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t only;

	setrlimit(RLIMIT_CORE, &no_core);
	sigaction(signal, &action, NULL);
	sigemptyset(&only);
	sigaddset(&only, signal);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

void end_as_child(const struct run *run)
{
	if (WIFEXITED(run->status))
		exit(WEXITSTATUS(run->status));
	die_of(WTERMSIG(run->status));
	exit(128 + WTERMSIG(run->status));
}
