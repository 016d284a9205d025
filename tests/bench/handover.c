/*
 * Times the hand-over of a lock from the process that releases it to the one that waits:
 *
 *   handover ROUNDS FILE FILE
 *
 * Two processes take turns holding the lock by flock(2), each through its own path to
 * it. Prints MEDIAN MIN P99 in µs, from the call that unlocks to the return of the call
 * that locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define ROUNDS_MAX 100000

/* How long one process holds the lock: longer than the other takes until it waits. */
#define HOLD_MS 3

struct shared {
	_Atomic int64_t unlocked_ns;
	_Atomic long count;
	int64_t times_ns[];
};

static bool play(const char *path, struct shared *shared, long rounds)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0) {
		fprintf(stderr, "handover: cannot open %s: %s\n", path, strerror(errno));
		return false;
	}
	while (shared->count < rounds) {
		if (flock(fd, LOCK_EX) < 0) {
			fprintf(stderr, "handover: cannot lock %s: %s\n", path, strerror(errno));
			return false;
		}
		if (shared->unlocked_ns && shared->count < rounds)
			shared->times_ns[shared->count++] = now_ns() - shared->unlocked_ns;
		sleep_ms(HOLD_MS);
		shared->unlocked_ns = now_ns();
		if (flock(fd, LOCK_UN) < 0)
			return false;
		sleep_ms(1); /* the other's turn */
	}
	return true;
}

int main(int argc, char **argv)
{
	long rounds = argc == 4 ? read_count(argv[1], ROUNDS_MAX) : 0;
	struct shared *shared;
	int status = EXIT_FAILURE;
	bool played;
	pid_t child;

	if (rounds == 0) {
		fputs("usage: handover ROUNDS FILE FILE\n", stderr);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared) + sizeof(int64_t) * (size_t)rounds, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return EXIT_FAILURE;
	child = fork();
	if (child == 0)
		_exit(play(argv[3], shared, rounds) ? EXIT_SUCCESS : EXIT_FAILURE);
	played = child > 0 && play(argv[2], shared, rounds);
	if (child > 0)
		waitpid(child, &status, 0);
	if (!played || status != 0)
		return EXIT_FAILURE;
	print_times(shared->times_ns, (size_t)shared->count);
	puts("");
	return EXIT_SUCCESS;
}
