/* Closes inherited descriptors by close_range(2), with /proc/self/fd as the fallback for kernels before Linux 5.9. */
#include "fs/start/process/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/text/number.h"

int descriptors_open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The descriptor N of a path /dev/fd/N or /proc/self/fd/N, or -1. */
static int descriptor_in(const char *name)
{
	static const char *const prefixes[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; name && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);
		uint64_t number;

		if (strncmp(name, prefixes[i], length) != 0)
			continue;
		return number_parse(name + length, 10, INT_MAX - 1, &number) == 0 ? (int)number : -1;
	}
	return -1;
}

/* The lowest descriptor that is kept and not below `from`, or -1. */
static int next_kept(const char *const *names, size_t count, int from)
{
	int lowest = -1;

	for (size_t i = 0; i < count; i++) {
		int fd = descriptor_in(names[i]);

		if (fd >= from && (lowest < 0 || fd < lowest))
			lowest = fd;
	}
	return lowest;
}

/* For kernels before Linux 5.9, and for seccomp filters that forbid close_range(2). */
static void close_one_by_one(int from, int to)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		uint64_t fd;

		if (number_parse(entry->d_name, 10, (uint64_t)to, &fd) == 0 && (int)fd >= from && (int)fd != dirfd(dir))
			close((int)fd);
	}
	closedir(dir);
}

static void close_from(int from, int to)
{
	if (from <= to && close_range((unsigned int)from, (unsigned int)to, 0) < 0)
		close_one_by_one(from, to);
}

void descriptors_close_inherited(const char *const *names, size_t count)
{
	int from = STDERR_FILENO + 1;
	int kept;

	while ((kept = next_kept(names, count, from)) >= 0) {
		close_from(from, kept - 1);
		from = kept + 1;
	}
	close_from(from, INT_MAX);
}

void descriptor_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
