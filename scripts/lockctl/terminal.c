/* Finds out who is in front of the terminal, and changes that. */
#include "scripts/lockctl/terminal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* With a pipe, the other programs of the pipeline keep the terminal. */
static bool is_pipe(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

struct terminal terminal_find(void)
{
	struct terminal terminal = { .fd = -1 };

	if (!isatty(STDIN_FILENO) || is_pipe(STDOUT_FILENO))
		return terminal;
	terminal.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	terminal.in_front = terminal_has(&terminal, getpgrp());
	return terminal;
}

void terminal_open(struct terminal *terminal)
{
	if (terminal->fd < 0)
		terminal->fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
}

bool terminal_has(const struct terminal *terminal, pid_t group)
{
	return terminal->fd >= 0 && tcgetpgrp(terminal->fd) == group;
}

void terminal_give(const struct terminal *terminal, pid_t group)
{
	if (terminal->fd >= 0)
		tcsetpgrp(terminal->fd, group);
}
