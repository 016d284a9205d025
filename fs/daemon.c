#include "fs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/log.h"

/* The write end of the pipe that the command waits at; -1 in the foreground. */
static int ready_fd = -1;

static void wait_for_child(pid_t child, int fd)
{
	char byte;
	int status;
	ssize_t got;

	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(EXIT_SUCCESS);
	/* It ended, and has said why. */
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	if (WIFSIGNALED(status))
		log_line(LOG_ERR, "ended by signal %d (%s) before it had mounted", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int daemon_begin(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		log_line(LOG_ERR, "cannot go to the background: %s", strerror(errno));
		return -1;
	}
	child = fork();
	if (child < 0) {
		log_line(LOG_ERR, "cannot go to the background: %s", strerror(errno));
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (child > 0) {
		close(ends[1]);
		wait_for_child(child, ends[0]);
	}
	close(ends[0]);
	ready_fd = ends[1];
	return 0;
}

int daemon_ready(void)
{
	int null_fd;
	int err;

	if (ready_fd < 0)
		return 0;
	/* Only now: until here the terminal's Ctrl-C ends both, and stderr is the user's. */
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
