/*
 * The two clocks that locks need. CLOCK_BOOTTIME is for leases: it never jumps, and goes on while the
 * machine is suspended. CLOCK_REALTIME is for tokens, and for times that people read.
 */
#ifndef BACKEND_UTIL_CLOCK_H
#define BACKEND_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	/* Fails only for a clock that the kernel does not have; every kernel that runs lockfs has both. */
	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Nanoseconds since boot, suspended time included. */
static inline int64_t boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* Nanoseconds since the epoch. */
static inline int64_t epoch_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

#endif
