/*
 * Times how long a writer waits for a lock that many readers share:
 *
 *   readers COUNT SECONDS FILE...
 *
 * COUNT processes lock a file shared by flock(2), hold it for HOLD_MS, and come again after
 * 0 to PAUSE_MS; each uses the next of the paths. A writer locks it exclusively every
 * WRITER_MS. Prints the writer's rounds, its median, 99th percentile and longest wait in
 * ms, the readers' rounds, and how often one reader had the lock during one wait of the
 * writer. The latter is 1 if the order of arrival is kept, because a reader that comes
 * again is behind the writer; it can be 2 if the writer has not asked yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define READERS_MAX 10000
#define SECONDS_MAX 3600
#define HOLD_MS     5
#define PAUSE_MS    500
#define WRITER_MS   100

struct shared {
	_Atomic bool ends;
	_Atomic long opened;
	_Atomic long rounds[]; /* of each reader */
};

struct writer {
	int fd;
	long readers;
	struct shared *shared;
	long *before; /* rounds of each reader when the wait began */
	int64_t *waits_ns;
	size_t count;
	long most;
};

static int open_lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		fprintf(stderr, "readers: cannot open %s: %s\n", path, strerror(errno));
	return fd;
}

static bool lock(int fd, int operation)
{
	if (flock(fd, operation) == 0)
		return true;
	fprintf(stderr, "readers: cannot lock: %s\n", strerror(errno));
	return false;
}

static bool read_often(const char *path, struct shared *shared, long number)
{
	unsigned seed = (unsigned)number;
	int fd = open_lock(path);

	shared->opened++;
	if (fd < 0)
		return false;
	while (!shared->ends) {
		sleep_ms(rand_r(&seed) % PAUSE_MS);
		if (!lock(fd, LOCK_SH))
			return false;
		shared->rounds[number]++;
		sleep_ms(HOLD_MS);
		if (!lock(fd, LOCK_UN))
			return false;
	}
	return true;
}

static bool write_once(struct writer *writer)
{
	struct shared *shared = writer->shared;
	int64_t began;
	long i;

	for (i = 0; i < writer->readers; i++)
		writer->before[i] = shared->rounds[i];
	began = now_ns();
	if (!lock(writer->fd, LOCK_EX))
		return false;
	writer->waits_ns[writer->count++] = now_ns() - began;
	for (i = 0; i < writer->readers; i++) {
		if (shared->rounds[i] - writer->before[i] > writer->most)
			writer->most = shared->rounds[i] - writer->before[i];
	}
	return lock(writer->fd, LOCK_UN);
}

static bool write_often(struct writer *writer, long seconds)
{
	int64_t end = now_ns() + seconds * INT64_C(1000000000);

	while (now_ns() < end) {
		if (!write_once(writer))
			return false;
		sleep_ms(WRITER_MS);
	}
	return true;
}

/* Starts the readers; a reader whose parent has ended is killed. */
static bool start_readers(long count, struct shared *shared, char **paths, int path_count)
{
	long i;

	for (i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			return false;
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(read_often(paths[i % path_count], shared, i) ? EXIT_SUCCESS : EXIT_FAILURE);
		}
	}
	while (shared->opened < count)
		sleep_ms(1);
	return true;
}

static bool end_readers(struct shared *shared)
{
	bool good = true;
	int status;

	shared->ends = true;
	while (wait(&status) > 0)
		good = good && status == 0;
	return good;
}

static void print_result(const struct writer *writer)
{
	int64_t *waits = writer->waits_ns;
	long rounds = 0;
	long i;

	for (i = 0; i < writer->readers; i++)
		rounds += writer->shared->rounds[i];
	qsort(waits, writer->count, sizeof(*waits), compare_times);
	printf("%zu %.1f %.1f %.1f %ld %ld\n", writer->count, (double)waits[writer->count / 2] / 1e6,
		(double)waits[writer->count * 99 / 100] / 1e6, (double)waits[writer->count - 1] / 1e6, rounds, writer->most);
}

int main(int argc, char **argv)
{
	long seconds = argc > 3 ? read_count(argv[2], SECONDS_MAX) : 0;
	struct writer writer = {.readers = argc > 3 ? read_count(argv[1], READERS_MAX) : 0};
	size_t count = (size_t)writer.readers;
	bool good;

	if (seconds == 0 || writer.readers == 0) {
		fputs("usage: readers COUNT SECONDS FILE...\n", stderr);
		return 2;
	}
	writer.shared = mmap(NULL, sizeof(*writer.shared) + count * sizeof(writer.shared->rounds[0]), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	writer.before = calloc(count, sizeof(*writer.before));
	writer.waits_ns = calloc((size_t)seconds * 1000 / WRITER_MS + 1, sizeof(*writer.waits_ns));
	writer.fd = open_lock(argv[3]);
	if (writer.shared == MAP_FAILED || !writer.before || !writer.waits_ns || writer.fd < 0)
		return EXIT_FAILURE;
	good = start_readers(writer.readers, writer.shared, argv + 3, argc - 3) && write_often(&writer, seconds);
	good = end_readers(writer.shared) && good;
	if (good)
		print_result(&writer);
	free(writer.before);
	free(writer.waits_ns);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
