/*
 * Watches over the command of `lockctl run` in one poll(2): signals, which include that the command stopped or ended, and the
 * descriptors of the locks, which the daemon reports as dead when a lock is lost.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scripts/lockctl/group.h"
#include "scripts/lockctl/guard.h"
#include "scripts/lockctl/notify.h"
#include "scripts/lockctl/run.h"
#include "scripts/lockctl/text.h"

static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH };

static void pass(const struct run *run, int signal)
{
	kill(-run->child, signal);
}

void signals_begin(struct run *run)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t read, blocked;

	sigemptyset(&read);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		sigaddset(&read, passed[i]);
	sigaddset(&read, SIGCHLD);
	sigaddset(&read, SIGTSTP);
	sigaddset(&read, SIGCONT);
	blocked = read;
	/* Blocked, they do not keep us from changing who is in front of the terminal. */
	sigaddset(&blocked, SIGTTOU);
	sigaddset(&blocked, SIGTTIN);
	sigprocmask(SIG_BLOCK, &blocked, &run->mask_before);
	sigaction(SIGCHLD, &action, &run->child_action_before);
	run->signals = signalfd(-1, &read, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The command goes on, in front if we are there. */
static void go_on(const struct run *run)
{
	if (terminal_has(&run->terminal, getpgrp()) && run->terminal.in_front)
		terminal_give(&run->terminal, run->child);
	pass(run, SIGCONT);
}

/* Takes the terminal back from the command. */
static void take_terminal(const struct run *run)
{
	if (terminal_has(&run->terminal, run->child))
		terminal_give(&run->terminal, getpgrp());
}

/*
 * Stops us until a shell lets us go on. Where no shell could, because our process group is orphaned as with `ssh -t`, the kernel
 * discards the signal, and the command goes on at once.
 */
static void stop_self(const struct run *run)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	take_terminal(run);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	go_on(run);
}

/* The command was stopped: by a key of its terminal, or because it is in the background of it. */
static void on_stop(struct run *run, int signal)
{
	bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;

	if (wants_terminal)
		terminal_open(&run->terminal);
	if (wants_terminal && terminal_has(&run->terminal, getpgrp())) {
		terminal_give(&run->terminal, run->child);
		pass(run, SIGCONT);
		return;
	}
	if (!wants_terminal && !run->terminal.in_front)
		return;
	/* All that the command was started in front with stops, such as a script: the terminal would have told them all. */
	kill(0, SIGTSTP);
	stop_self(run);
}

static void on_end(struct run *run, int status)
{
	run->has_ended = true;
	run->status = status;
	/* What ended the command by a key would have ended all in front with it, such as a script that called us. */
	if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGQUIT) && terminal_has(&run->terminal, run->child))
		kill(0, WTERMSIG(status));
	take_terminal(run);
}

/* Looks after children that ended or stopped, also those that the command left to us. */
static void reap(void *context)
{
	struct run *run = context;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != run->child)
			continue;
		if (WIFSTOPPED(status))
			on_stop(run, WSTOPSIG(status));
		else
			on_end(run, status);
	}
}

static void on_signal(struct run *run, int signal)
{
	switch (signal) {
	case SIGCHLD:
		reap(run);
		break;
	case SIGTSTP:
		pass(run, SIGSTOP);
		raise(SIGTSTP);
		stop_self(run);
		break;
	case SIGCONT:
		go_on(run);
		break;
	default:
		pass(run, signal);
	}
}

static void read_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (!run->has_ended && read(run->signals, &info, sizeof(info)) == sizeof(info))
		on_signal(run, (int)info.ssi_signo);
}

/* Of a group that is being stopped, only the ends count; a signal that arrives meanwhile changes nothing. */
static void reap_while_stopping(void *context)
{
	struct run *run = context;
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info))
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == run->child)
			on_end(run, status);
}

static void stop_command(struct run *run)
{
	group_stop(run->child, run->options->grace_ms, reap_while_stopping, run, run->signals);
}

static void lose(struct run *run, const struct bound_lock *lock)
{
	run->lost = lock;
	say("%s is lost; stopping %s", place_name(&lock->place), shown(run->program));
	notify(run, "LOST", lock);
	stop_command(run);
}

static bool is_dead(const struct pollfd *fd)
{
	return fd->revents & (POLLERR | POLLHUP | POLLNVAL);
}

void supervise(struct run *run)
{
	struct pollfd fds[LOCKS_MAX + 1];

	for (size_t i = 0; i < run->count; i++)
		fds[i] = (struct pollfd){ .fd = run->locks[i].fd };
	fds[run->count] = (struct pollfd){ .fd = run->signals, .events = POLLIN };
	while (!run->has_ended && !run->lost) {
		if (poll(fds, run->count + 1, -1) < 0)
			continue;
		for (size_t i = 0; i < run->count && !run->lost; i++)
			if (is_dead(&fds[i]))
				lose(run, &run->locks[i]);
		if (!run->lost)
			read_signals(run);
	}
	if (!run->lost)
		group_settle(run->child);
	stop_command(run);
}
