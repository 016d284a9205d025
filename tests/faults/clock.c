/*
 * A library to preload (LD_PRELOAD) that sets the wall clock of one program: it adds the
 * microseconds in the file LOCKFS_CLOCK, an int64_t, to the time of day. Other clocks are
 * unchanged. (libfaketime does not work with the jemalloc of redis-server.)
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S 1000000

static const volatile int64_t *offset_us;

__attribute__((constructor)) static void find_offset(void)
{
	const char *path = getenv("LOCKFS_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset_us), PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (map != MAP_FAILED)
		offset_us = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int64_t us;

	if (syscall(SYS_clock_gettime, clock, ret) < 0)
		return -1;
	if (!offset_us || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return 0;
	us = ret->tv_sec * INT64_C(1000000) + ret->tv_nsec / 1000 + *offset_us;
	ret->tv_sec = us / US_PER_S;
	ret->tv_nsec = us % US_PER_S * 1000;
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -1;
	*ret = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
