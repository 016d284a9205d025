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

#define DEADLINE_NS (10 * NS_PER_S) /* what did not happen by then does not happen, */
#define LATER_DEADLINE_NS NS_PER_S  /* and who has waited in vain once waits less from then on */
#define TIMEOUT_MS 5000
#define FALLBACK_TTL_MS 45000
#define LONG_MS 60000 /* a lease that no test outlives */
#define SHORT_MS 50   /* one that a test waits for */
#define WORK_MS 250   /* one that a test waits for after some calls within it */

#define KEY "job"

#define ROUNDING_MS 2 /* two clocks, each cut to milliseconds */

/* So long may the answer of a backend on this machine take while it is busy. */
#define ANSWER_MS 60

#define NOT_ANSWERED INT_MIN

/* One call and its answer. All live as long as their mount, so that a second answer is seen. */
struct answer {
	struct answer *next;
	int calls;      /* of `done`; one is right */
	int status;
	int64_t at_ns;  /* when it came, CLOCK_BOOTTIME */
	bool is_dir;    /* read: which of the two it was */
	struct lock *lock; /* a copy; NULL: none was given */
	struct dir_info dir;
	char *names;    /* list: see names_print() */
	struct listing listing;
	struct list_item *items; /* of all its pages, */
	size_t item_count;
	int pages;
	char *key;
	struct acquisition acquisition;
};

/* One event that was told. */
struct told {
	enum lock_event_kind kind;
	char *key;
	uint64_t token;
	int64_t ttl_ms;
	int64_t at_ns; /* CLOCK_BOOTTIME */
};

/* What on_ended told. */
struct ended {
	uint64_t token;
	bool taken;
};

/* A backend, opened in a namespace that nobody else has, and all that it said. */
struct mount {
	uv_loop_t loop;
	uv_timer_t alarm;
	struct backend *backend;
	char namespace_[32];
	struct answer *answers;
	struct told *told;
	size_t told_count;
	size_t told_capacity;
	size_t told_seen; /* how many of them the test has looked at */
	size_t gaps;      /* in them, as on_gap told */
	struct ended ended; /* the last holding that on_ended told of */
	const void *row;  /* the row of its table that a test is about */
};

static const char *contract_source = "memory:";
static bool contract_traces; /* the backends are traced, as by `lockfs -d` */

/* Whoever asks in these tests. */
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
	(void)alarm; /* It has woken the loop, and that is all. */
}

typedef bool condition(const void *ctx);

/* Runs the loop until `holds`; false where `until_ns` on CLOCK_BOOTTIME came first. */
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

/* Waits for what has to happen. */
static void await(struct mount *mount, condition *holds, const void *ctx, const char *what)
{
	static int64_t deadline_ns = DEADLINE_NS;

	if (run_until(mount, holds, ctx, boot_ns() + deadline_ns))
		return;
	deadline_ns = LATER_DEADLINE_NS;
	print_error("waited too long for: %s\n", what);
	fail();
}

/* Waits for an instant without running the loop. */
static void sleep_until(int64_t until_ns)
{
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

#endif
