/*
 * Acquires many locks and leaves them held:
 *
 *   fill DIRECTORY COUNT
 *
 * creates COUNT files in the directory, each with open(O_CREAT | O_EXCL) and
 * close, and prints the time it took in seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double start_s;
	int dir;

	if (count < 1) {
		fputs("usage: fill DIRECTORY COUNT\n", stderr);
		return 2;
	}
	dir = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		fprintf(stderr, "fill: cannot open %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	start_s = now_s();
	for (long i = 0; i < count; i++) {
		char name[32];
		int fd;

		snprintf(name, sizeof(name), "job-%06ld", i);
		fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0) {
			fprintf(stderr, "fill: cannot create %s/%s: %s\n", argv[1], name, strerror(errno));
			return EXIT_FAILURE;
		}
		close(fd);
	}
	printf("%.3f\n", now_s() - start_s);
	return EXIT_SUCCESS;
}
