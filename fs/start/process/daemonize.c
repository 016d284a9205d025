/*
 * The command and the daemon share a pipe: the daemon writes a byte when the mount answers, or closes it by exiting.
 * A signal that ends the command before that byte also ends the daemon, so that no unwanted mount is left.
 */
#include "fs/start/process/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/util/log.h"

const int end_signals[END_SIGNAL_COUNT] = { SIGTERM, SIGINT, SIGHUP };

/* The write end of the pipe that the command reads from; -1 in the foreground. */
static int ready_fd = -1;

static volatile sig_atomic_t end_signal;

static void on_end_signal(int signal)
{
	end_signal = signal;
}

/* Exits with the status of a child that ended before it was ready. The child has logged why, unless a signal ended it. */
static void exit_as(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	if (WIFSIGNALED(status) && !end_signal)
		log_line(LOG_ERR, "ended by signal %d (%s) before it had mounted", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/*
 * Waits until the child is ready or has ended, and exits. A signal that arrives before is passed on to the child. `open_mask`
 * delivers signals only inside ppoll(2), so that a late signal never ends a mount that has been reported ready.
 */
static void wait_for_child(pid_t child, int fd, const sigset_t *open_mask)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	while (ppoll(&ready, 1, NULL, open_mask) < 0) {
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
		if (end_signal) {
			kill(child, end_signal);
			exit_as(child);
		}
	}
	if (read(fd, &byte, 1) == 1)
		_exit(EXIT_SUCCESS);
	exit_as(child);
}

static void block_end_signals(sigset_t *ret_open_mask)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		sigaddset(&blocked, end_signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, ret_open_mask);
}

static void catch_end_signals(void)
{
	struct sigaction action = { .sa_handler = on_end_signal };

	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		sigaction(end_signals[i], &action, NULL);
}

int daemonize_begin(void)
{
	sigset_t open_mask;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		log_line(LOG_ERR, "cannot go to the background: %s", strerror(errno));
		return -1;
	}
	/* Blocked before the fork: a signal must not end the command without the child. */
	block_end_signals(&open_mask);
	child = fork();
	if (child < 0) {
		log_line(LOG_ERR, "cannot go to the background: %s", strerror(errno));
		sigprocmask(SIG_SETMASK, &open_mask, NULL);
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (child > 0) {
		catch_end_signals();
		close(ends[1]);
		wait_for_child(child, ends[0], &open_mask);
	}
	sigprocmask(SIG_SETMASK, &open_mask, NULL);
	close(ends[0]);
	ready_fd = ends[1];
	return 0;
}

int daemonize_ready(void)
{
	int null_fd;
	int err;

	if (ready_fd < 0)
		return 0;
	/* Not earlier: until now Ctrl-C in the terminal ends both processes, and messages go to the user's stderr. */
	setsid();
	if (chdir("/") < 0)
		log_line(LOG_WARNING, "cannot leave the working directory: %s", strerror(errno));
	log_to_system();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd >= 0) {
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			dup2(null_fd, fd);
		if (null_fd > STDERR_FILENO)
			close(null_fd);
	}
	err = write(ready_fd, "", 1) == 1 ? 0 : -1;
	close(ready_fd);
	ready_fd = -1;
	return err;
}
