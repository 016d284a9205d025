/*
 * Times whole commands, which take turns, from fork(2) to their end:
 *
 *   commands ROUNDS + COMMAND [ARGUMENT...] [+ COMMAND [ARGUMENT...]]...
 *
 * Prints a line for each command, in µs: MEDIAN MIN P99.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define COMMANDS_MAX 64
#define ROUNDS_MAX   100000

struct command {
	char **argv;
	int64_t *times_ns;
};

static posix_spawn_file_actions_t silence;

static bool run(const struct command *command, long round)
{
	int64_t start_ns = now_ns();
	int status;
	pid_t child;

	if (posix_spawnp(&child, command->argv[0], &silence, NULL, command->argv, environ) != 0 ||
		waitpid(child, &status, 0) < 0 || status != 0) {
		fprintf(stderr, "commands: %s failed\n", command->argv[0]);
		return false;
	}
	command->times_ns[round] = now_ns() - start_ns;
	return true;
}

/* Splits the arguments behind the first `+` into commands, and returns their number. */
static int find_commands(char **argv, struct command commands[COMMANDS_MAX], long rounds)
{
	int count = 0;

	for (; *argv && count < COMMANDS_MAX; argv++) {
		if (strcmp(*argv, "+") != 0)
			continue;
		*argv = NULL;
		commands[count].argv = argv + 1;
		commands[count].times_ns = calloc((size_t)rounds, sizeof(int64_t));
		if (!commands[count++].times_ns)
			return 0;
	}
	return count;
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	long rounds = argc > 3 ? read_count(argv[1], ROUNDS_MAX) : 0;
	int count = rounds ? find_commands(argv + 2, commands, rounds) : 0;

	if (count == 0) {
		fputs("usage: commands ROUNDS + COMMAND [ARGUMENT...] [+ COMMAND [ARGUMENT...]]...\n",
			stderr);
		return 2;
	}
	posix_spawn_file_actions_init(&silence);
	posix_spawn_file_actions_addopen(&silence, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	/* The first round warms up and does not count. */
	for (long round = -1; round < rounds; round++)
		for (int i = 0; i < count; i++)
			if (!run(&commands[i], round < 0 ? 0 : round))
				return EXIT_FAILURE;
	for (int i = 0; i < count; i++) {
		print_times(commands[i].times_ns, (size_t)rounds);
		puts("");
	}
	return EXIT_SUCCESS;
}
