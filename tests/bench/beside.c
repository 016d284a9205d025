/*
 * Times acquire and release of a lock while a command runs:
 *
 *   beside FILE COMMAND...
 *
 * runs the command, and until it ends creates FILE by open(O_CREAT | O_EXCL), closes and
 * unlinks it, in a loop. Prints
 *
 *   ROUNDS MEDIAN P99 MAX COMMAND
 *
 * where the times are those of a round in µs, and COMMAND is that of the command in ms. The
 * command's output is discarded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define ROUNDS_MAX 4000000

static bool do_round(const char *file)
{
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	return fd >= 0 && close(fd) == 0 && unlink(file) == 0;
}

static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (freopen("/dev/null", "w", stdout))
		execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	int64_t *times_ns = calloc(ROUNDS_MAX, sizeof(*times_ns));
	size_t count = 0;
	int64_t began_ns;
	int status = 0;
	pid_t pid;

	if (argc < 3 || !times_ns) {
		fputs("usage: beside FILE COMMAND...\n", stderr);
		return 2;
	}
	began_ns = now_ns();
	pid = start(argv + 2);
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0 && count < ROUNDS_MAX) {
		int64_t round_ns = now_ns();

		if (!do_round(argv[1])) {
			fprintf(stderr, "beside: %s: %s\n", argv[1], strerror(errno));
			return EXIT_FAILURE;
		}
		times_ns[count++] = now_ns() - round_ns;
	}
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || count == 0) {
		fputs("beside: the command failed\n", stderr);
		return EXIT_FAILURE;
	}

	double took_ms = (double)(now_ns() - began_ns) / 1e6;

	qsort(times_ns, count, sizeof(*times_ns), compare_times);
	printf("%zu %.0f %.0f %.0f %.0f\n", count, (double)times_ns[count / 2] / 1e3,
		(double)times_ns[count * 99 / 100] / 1e3, (double)times_ns[count - 1] / 1e3, took_ms);
	free(times_ns);
	return EXIT_SUCCESS;
}
