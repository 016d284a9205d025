/*
 * What the tests of the contract have in common: limits of time, the mount of a test and its calls, the
 * two claims of all tests, and the loop, which runs until something has happened.
 */
#ifndef TESTS_CONTRACT_SETTING_H
#define TESTS_CONTRACT_SETTING_H

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include <cmocka.h>

#include "backend/util/clock.h"
#include "lockfs/backend.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define DEADLINE_NS (10 * NS_PER_S) /* longest wait for something that has to happen */
#define LATER_DEADLINE_NS NS_PER_S  /* longest wait after one wait was in vain */
#define TIMEOUT_MS 5000       /* timeout_ms of the backends */
#define FALLBACK_TTL_MS 45000 /* fallback_ttl_ms of acquisitions */
#define LONG_MS 60000         /* lease that outlives every test */
#define SHORT_MS 50           /* lease whose end a test waits for */
#define WORK_MS 250           /* lease whose end a test waits for, after some calls before that end */

#define KEY "job"

#define ROUNDING_MS 2 /* difference of two clocks, each cut to milliseconds */

/* Longest time of an answer on this machine while the machine is busy. */
#define ANSWER_MS 60

#define NOT_ANSWERED INT_MIN

/* One call and its answer. All answers live as long as their mount, so that a second call of `done` is seen. */
struct answer {
	struct answer *next;
	int calls;      /* number of calls of `done`; must become 1 */
	int status;
	int64_t at_ns;  /* time of the answer, CLOCK_BOOTTIME */
	bool is_dir;    /* read(): the entry is a directory */
	struct lock *lock; /* copy of the lock in the answer; NULL: there was none */
	struct dir_info dir;
	char *names;    /* list(): the names as names_print() prints them */
	struct listing listing;
	struct list_item *items; /* names of all pages */
	size_t item_count;
	int pages;               /* number of pages */
	char *key;
	struct acquisition acquisition;
};

/* One event that on_event got. */
struct heard_event {
	enum lock_event_kind kind;
	char *key;
	uint64_t token;
	int64_t ttl_ms;
	bool shared;
	int64_t at_ns; /* time at which it came, CLOCK_BOOTTIME */
};

/* The arguments of on_ended. */
struct ended {
	uint64_t token;
	bool taken;
};

/* A backend, opened in a namespace of its own, and all that it called back with. */
struct mount {
	uv_loop_t loop;
	uv_timer_t alarm;
	struct backend *backend;
	char namespace_[32];
	struct answer *answers;
	struct heard_event *events;
	size_t event_count;
	size_t event_capacity;
	size_t events_read; /* number of events that the test has taken */
	size_t gaps;        /* calls of on_gap */
	struct ended ended; /* the last call of on_ended */
	const void *row;    /* the row of a table that the test is about; NULL: none */
};

static const char *contract_source = "memory:";
static bool contract_traces; /* the backends are traced, as by `lockfs -d` */

/* The two claims of these tests. */
static const struct lock_claim me = { .id = "id-of-mine", .identity = "session-mine" };
static const struct lock_claim they = { .id = "id-of-theirs", .identity = "session-theirs" };

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Running the loop */

static void on_alarm(uv_timer_t *alarm)
{
	(void)alarm; /* has woken the loop, which is all that it is for */
}

typedef bool condition(const void *ctx);

/* Runs the loop until `holds` returns true. Returns false if `until_ns`, on CLOCK_BOOTTIME, comes first. */
static bool run_until(struct mount *mount, condition *holds, const void *ctx, int64_t until_ns)
{
	while (!holds(ctx)) {
		int64_t left_ns = until_ns - boot_ns();

		if (left_ns <= 0)
			return false;
		uv_update_time(&mount->loop);
		uv_timer_start(&mount->alarm, on_alarm, (uint64_t)(left_ns / NS_PER_MS + 1), 0);
		uv_run(&mount->loop, UV_RUN_ONCE);
	}
	uv_timer_stop(&mount->alarm);
	return true;
}

/* Runs the loop until `holds` returns true, which has to happen. */
static void await(struct mount *mount, condition *holds, const void *ctx, const char *what)
{
	static int64_t deadline_ns = DEADLINE_NS;

	if (run_until(mount, holds, ctx, boot_ns() + deadline_ns))
		return;
	deadline_ns = LATER_DEADLINE_NS;
	print_error("waited too long for: %s\n", what);
	fail();
}

/* Waits without running the loop. */
static void sleep_until(int64_t until_ns)
{
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

#endif
