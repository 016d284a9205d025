/* Formats a line, escapes it (printable.h), and writes it without ever waiting. */
#include "fs/util/log.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fs/util/printable.h"

#define LINE_MAX_BYTES 1024

static bool to_system;
static int system_fd = -1;

void log_to_system(void)
{
	to_system = true;
}

/* Not by syslog(3), which waits if the log daemon is stalled. A datagram that does not fit is dropped. */
static void send_to_system(int priority, const char *text)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	char line[LINE_MAX_BYTES + 64];
	int length;

	if (system_fd < 0)
		system_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (system_fd < 0)
		return;
	length = snprintf(line, sizeof(line), "<%d>lockfs[%d]: %s", LOG_DAEMON | priority, (int)getpid(), text);
	(void)sendto(system_fd, line, (size_t)length, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		sizeof(address));
}

/* A pipe that polls as writable accepts PIPE_BUF bytes without waiting. */
static void write_to_stderr(const char *text)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[LINE_MAX_BYTES + 16];
	int length;

	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return;
	length = snprintf(line, sizeof(line), "lockfs: %s\n", text);
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return; /* there is nowhere left to log this error */
}

void log_line_v(int priority, const char *format, va_list arguments)
{
	char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
	size_t length;

	vsnprintf(raw, sizeof(raw), format, arguments);
	length = strlen(raw);
	if (length > 0 && raw[length - 1] == '\n')
		length--; /* messages of libfuse end with a newline */
	print_escaped(raw, length, text, sizeof(text));
	if (to_system)
		send_to_system(priority, text);
	else
		write_to_stderr(text);
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_v(priority, format, arguments);
	va_end(arguments);
}
