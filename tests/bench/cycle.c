/*
 * Times what taking and giving back a lock costs, on several directories beside each other:
 *
 *   cycle ROUNDS DIRECTORY...
 *
 * A round is open(O_CREAT | O_EXCL), close, unlink of one name. The directories
 * take turns, a block of rounds each, so that what else the machine does meets
 * them all alike. Prints a line for each directory, in microseconds:
 *
 *   MEDIAN MIN P99 MAX
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Long enough that a directory's turn shows it warm, short enough that turns come often. */
#define BLOCK 100

#define ROUNDS_MAX 100000000L

struct place {
	const char *path;
	int fd;
	int64_t *times_ns;
	long count;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool run_round(struct place *place)
{
	int64_t start_ns = now_ns();
	int fd = openat(place->fd, "job", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0) {
		fprintf(stderr, "cycle: cannot create %s/job: %s\n", place->path, strerror(errno));
		return false;
	}
	close(fd);
	if (unlinkat(place->fd, "job", 0) < 0) {
		fprintf(stderr, "cycle: cannot remove %s/job: %s\n", place->path, strerror(errno));
		return false;
	}
	place->times_ns[place->count++] = now_ns() - start_ns;
	return true;
}

static bool run_block(struct place *place, long rounds)
{
	for (long i = 0; i < rounds; i++)
		if (!run_round(place))
			return false;
	return true;
}

static bool run_turns(struct place *places, int place_count, long rounds)
{
	while (rounds > 0) {
		long block = rounds < BLOCK ? rounds : BLOCK;

		for (int i = 0; i < place_count; i++)
			if (!run_block(&places[i], block))
				return false;
		rounds -= block;
	}
	return true;
}

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left;
	int64_t b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static double us(const struct place *place, long index)
{
	return (double)place->times_ns[index] / 1000;
}

static void report(struct place *place)
{
	long last = place->count - 1;

	qsort(place->times_ns, (size_t)place->count, sizeof(*place->times_ns), compare_times);
	printf("%.1f %.1f %.1f %.1f\n", us(place, last / 2), us(place, 0), us(place, last * 99 / 100),
		us(place, last));
}

static bool open_place(struct place *place, const char *path, long rounds)
{
	*place = (struct place){ .path = path };
	place->times_ns = calloc((size_t)rounds, sizeof(*place->times_ns));
	if (!place->times_ns) {
		fprintf(stderr, "cycle: %s\n", strerror(ENOMEM));
		return false;
	}
	place->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->fd < 0) {
		fprintf(stderr, "cycle: cannot open %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	int place_count = argc - 2;
	struct place *places;

	if (rounds < 1 || rounds > ROUNDS_MAX || place_count < 1) {
		fputs("usage: cycle ROUNDS DIRECTORY...\n", stderr);
		return 2;
	}
	places = calloc((size_t)place_count, sizeof(*places));
	if (!places)
		return EXIT_FAILURE;
	for (int i = 0; i < place_count; i++)
		if (!open_place(&places[i], argv[i + 2], rounds + BLOCK))
			return EXIT_FAILURE;

	/* The first turn warms up and does not count. */
	if (!run_turns(places, place_count, BLOCK))
		return EXIT_FAILURE;
	for (int i = 0; i < place_count; i++)
		places[i].count = 0;

	if (!run_turns(places, place_count, rounds))
		return EXIT_FAILURE;
	for (int i = 0; i < place_count; i++)
		report(&places[i]);
	return EXIT_SUCCESS;
}
