/*
 * Counts events: how many happen a second, and how many of them arrive.
 *
 *   listen LISTENERS MS DIR
 *
 * Opens DIR/.events LISTENERS times, acquires and releases a lock for MS milliseconds, and
 * reads all streams meanwhile. Prints EVENTS_A_SECOND ARRIVED_A_SECOND; the latter is the
 * sum of all listeners, up to the moment when the last one has read everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define LISTENERS_MAX 10000
#define MS_MAX        60000
#define PATIENCE_MS   10000

struct listener {
	pthread_t thread;
	int fd;
	_Atomic long lines;
};

static _Atomic bool ended;

static void *hear(void *ctx)
{
	struct listener *listener = ctx;
	char buffer[65536];
	ssize_t size;

	while (!ended && (size = read(listener->fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + size - at))); at++)
			listener->lines++;
	return NULL;
}

/* Each of its rounds is two events. */
static long make_events(int dir, long ms)
{
	int64_t end_ns = now_ns() + ms * 1000000;
	long rounds = 0;

	while (now_ns() < end_ns) {
		int fd = openat(dir, "job", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

		if (fd < 0)
			return 0;
		close(fd);
		if (unlinkat(dir, "job", 0) < 0)
			return 0;
		rounds++;
	}
	return rounds * 2;
}

static bool all_have(const struct listener *listeners, long count, long lines)
{
	for (long i = 0; i < count; i++)
		if (listeners[i].lines < lines)
			return false;
	return true;
}

static bool open_streams(struct listener *listeners, long count, int dir)
{
	for (long i = 0; i < count; i++) {
		listeners[i].fd = openat(dir, ".events", O_RDONLY | O_CLOEXEC);
		if (listeners[i].fd < 0 ||
			pthread_create(&listeners[i].thread, NULL, hear, &listeners[i]) != 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	long count = argc == 4 ? read_count(argv[1], LISTENERS_MAX) : 0;
	long ms = argc == 4 ? read_count(argv[2], MS_MAX) : 0;
	struct listener *listeners;
	int64_t start_ns;
	long events;
	int dir;

	if (!count || !ms) {
		fputs("usage: listen LISTENERS MS DIR\n", stderr);
		return 2;
	}
	listeners = calloc((size_t)count, sizeof(*listeners));
	dir = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!listeners || dir < 0 || !open_streams(listeners, count, dir)) {
		fprintf(stderr, "listen: cannot listen in %s: %s\n", argv[3], strerror(errno));
		return EXIT_FAILURE;
	}
	start_ns = now_ns();
	events = make_events(dir, ms);
	for (long waited = 0; !all_have(listeners, count, events); waited++) {
		if (events == 0 || waited > PATIENCE_MS) {
			fputs("listen: not all events arrived\n", stderr);
			return EXIT_FAILURE;
		}
		sleep_ms(1);
	}
	printf("%.0f %.0f\n", (double)events * 1e3 / (double)ms,
		(double)(events * count) * 1e9 / (double)(now_ns() - start_ns));
	fflush(stdout);
	ended = true;
	_exit(EXIT_SUCCESS); /* the threads wait for more */
}
