/* What the programs of the benchmark share: a clock, and what is made of many times. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static inline int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left;
	int64_t b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* Sorts them, and prints MEDIAN MIN P99 in us. */
static inline void print_times(int64_t *times_ns, size_t count)
{
	qsort(times_ns, count, sizeof(*times_ns), compare_times);
	printf("%.1f %.1f %.1f", (double)times_ns[count / 2] / 1e3, (double)times_ns[0] / 1e3,
		(double)times_ns[count * 99 / 100] / 1e3);
}

/* A number between 1 and `most`, or 0. */
static inline long read_count(const char *text, long most)
{
	long value = text ? strtol(text, NULL, 10) : 0;

	return value < 1 || value > most ? 0 : value;
}

#endif
