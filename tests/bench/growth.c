/*
 * Runs the calls of acquire and release in the memory backend, with LOCKS other locks held:
 *
 *   growth LOCKS CYCLES
 *
 * callgrind must count in measured_cycles() only:
 *
 *   valgrind --tool=callgrind --toggle-collect=measured_cycles growth LOCKS CYCLES
 */
#include <stdbool.h>
#include <uv.h>

#include "lockfs/backend.h"
#include "tests/bench/bench.h"

#define LOCKS_MAX        100000000
#define IN_ONE_DIRECTORY 100000

static long failures;

static void on_started(void *ctx, int status, const char *problem)
{
	(void)ctx;
	(void)problem;
	failures += status < 0;
}

static void on_lock(void *ctx, int status, const struct lock *lock)
{
	(void)ctx;
	(void)lock;
	failures += status < 0;
}

static void on_done(void *ctx, int status)
{
	(void)ctx;
	failures += status < 0;
}

static void on_entry(void *ctx, int status, const struct entry *entry)
{
	(void)ctx;
	(void)status;
	(void)entry;
}

static void take(struct backend *backend, const char *key)
{
	struct acquisition acquisition = {
		.key = key,
		.holder =
			{
				.claim = {.id = "0123456789abcdef0123456789abcdef",
					.identity = "session:1.2@0123456789abcdef01234567"},
				.user = "user",
				.host = "host",
				.mount_point_id = "0123456789abcdef01234567",
				.command = "command",
				.pid = 1,
			},
		.ttl_ms = 86400000,
		.fallback_ttl_ms = 300000,
		.done = on_lock,
	};

	backend_acquire(backend, &acquisition);
}

/* The calls that open(2), close(2) and unlink(2) lead to: read, acquire, read, release. */
void measured_cycles(struct backend *backend, long cycles);
void measured_cycles(struct backend *backend, long cycles)
{
	static const struct lock_claim claim = {.identity = "session:1.2@0123456789abcdef01234567"};

	for (long i = 0; i < cycles; i++) {
		backend_read(backend, "0/job", on_entry, NULL);
		take(backend, "0/job");
		backend_read(backend, "0/job", on_entry, NULL);
		backend_release(backend, "0/job", &claim, match_any(), on_done, NULL);
	}
}

static void fill(struct backend *backend, long locks)
{
	static const struct dir_info info = {.mode = 0755};
	char key[64];

	for (long i = 0; i < locks || i == 0; i++) {
		if (i % IN_ONE_DIRECTORY == 0) {
			snprintf(key, sizeof(key), "%ld", i / IN_ONE_DIRECTORY);
			backend_make_dir(backend, key, &info, on_done, NULL);
		}
		if (i == locks)
			return;
		snprintf(key, sizeof(key), "%ld/job-%06ld", i / IN_ONE_DIRECTORY, i);
		take(backend, key);
	}
}

int main(int argc, char **argv)
{
	long locks = argc == 3 ? strtol(argv[1], NULL, 10) : -1;
	long cycles = argc == 3 ? read_count(argv[2], LOCKS_MAX) : 0;
	char problem[BACKEND_PROBLEM_MAX];
	struct backend *backend;
	uv_loop_t loop;

	if (locks < 0 || locks > LOCKS_MAX || !cycles) {
		fputs("usage: growth LOCKS CYCLES\n", stderr);
		return 2;
	}

	struct backend_config config = {.loop = &loop, .source = "memory:", .namespace_ = "bench"};
	if (uv_loop_init(&loop) < 0 || backend_open(&config, &backend, problem) < 0)
		return EXIT_FAILURE;
	backend_start(backend, on_started, NULL);
	fill(backend, locks);
	measured_cycles(backend, cycles);
	/* Not closed: the cost of closing is not measured. */
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
