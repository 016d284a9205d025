/*
 * Lets many threads wait for one lock, and times how long all of them take to have had it:
 *
 *   queue COUNT KEY DIR...
 *
 * takes the lock KEY by flock(2) and starts COUNT threads that wait for it by flock(2),
 * each through the next of the directories. Prints `waiting` when all wait, and reads a
 * line; then releases the lock, which each thread acquires and releases. Prints the time
 * until all have had it, in ms.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define COUNT_MAX   100000
#define PATIENCE_MS 120000
#define STACK_SIZE  65536

static int open_key(const char *dir, const char *key)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fprintf(stderr, "queue: cannot open %s: %s\n", path, strerror(errno));
	return fd;
}

/* Returns NULL if all succeeded. */
static void *pass(void *fd)
{
	int file = (int)(intptr_t)fd;
	bool passed = flock(file, LOCK_EX) == 0 && flock(file, LOCK_UN) == 0;

	if (!passed)
		fprintf(stderr, "queue: cannot lock: %s\n", strerror(errno));
	return passed ? NULL : fd;
}

static bool all_wait(int fd, long count)
{
	for (long ms = 0; ms < PATIENCE_MS; ms += 5) {
		char text[32] = "";
		ssize_t size = fgetxattr(fd, "user.lock.waiters", text, sizeof(text) - 1);

		if (size > 0 && strtol(text, NULL, 10) >= count)
			return true;
		sleep_ms(5);
	}
	fputs("queue: not all wait\n", stderr);
	return false;
}

static bool start_all(pthread_t *threads, long count, const char *key, char **dirs, int dir_count)
{
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	for (long i = 0; i < count; i++) {
		int fd = open_key(dirs[i % dir_count], key);

		if (fd < 0 || pthread_create(&threads[i], &small, pass, (void *)(intptr_t)fd) != 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	long count = argc > 3 ? read_count(argv[1], COUNT_MAX) : 0;
	struct rlimit files;
	pthread_t *threads;
	int64_t start_ns;
	char line[16];
	int fd;

	if (count == 0) {
		fputs("usage: queue COUNT KEY DIR...\n", stderr);
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);

	threads = calloc((size_t)count, sizeof(*threads));
	fd = open_key(argv[3], argv[2]);
	if (!threads || fd < 0 || flock(fd, LOCK_EX) < 0 ||
		!start_all(threads, count, argv[2], argv + 3, argc - 3) || !all_wait(fd, count))
		return EXIT_FAILURE;
	puts("waiting");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return EXIT_FAILURE;

	start_ns = now_ns();
	if (flock(fd, LOCK_UN) < 0)
		return EXIT_FAILURE;
	for (long i = 0; i < count; i++) {
		void *failed;

		if (pthread_join(threads[i], &failed) != 0 || failed)
			return EXIT_FAILURE;
	}
	printf("%.1f\n", (double)(now_ns() - start_ns) / 1e6);
	return EXIT_SUCCESS;
}
