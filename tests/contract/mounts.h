/* Opening and closing, namespaces, cancelling, and calls from within answers. */
#ifndef TESTS_CONTRACT_MOUNTS_H
#define TESTS_CONTRACT_MOUNTS_H

#include "tests/contract/judging.h"

static void test_namespaces_are_apart(void **state)
{
	struct mount *mount = *state;
	struct mount *other = NULL;

	set_up((void **)&other);
	expect(0, make_dir(mount, "dir"));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect(-ENOENT, look(other, "dir"));
	expect(-ENOENT, look(other, KEY));
	expect_list(other, "", "");
	expect(-ENOENT, force(other, KEY));
	expect(0, acquire(other, KEY, &they, LONG_MS));
	assert_string_equal(see(mount, KEY)->holder.claim.id, me.id);
	/* Each mount gets the events of its own namespace only. */
	expect(0, force(mount, KEY));
	assert_int_equal(next_event(mount)->kind, EVENT_ACQUIRED);
	assert_int_equal(next_event(mount)->kind, EVENT_FORCE_RELEASED);
	expect_event(other, EVENT_FORCE_RELEASED, KEY, 0, LEASE_UNSET);
	assert_int_equal(next_event(other)->kind, EVENT_ACQUIRED);
	assert_int_equal(mount->event_count, 2);
	tear_down((void **)&other);
}

static void test_cancel(void **state)
{
	struct mount *mount = *state;
	struct answer *answer = start_acquire(mount, KEY, &me, LONG_MS);

	if (!is_answered(answer))
		backend_cancel(mount->backend, &answer->acquisition);
	wait_for(mount, answer);
	if (answer->status != 0)
		expect(-ECANCELED, answer);
	expect(answer->status == 0 ? 0 : -ENOENT, look(mount, KEY));
}

static void test_close_answers_what_is_under_way(void **state)
{
	struct mount *mount = *state;
	struct answer *asked[200];
	char key[16];

	for (size_t i = 0; i < COUNT(asked); i += 2) {
		snprintf(key, sizeof(key), "lock-%zu", i);
		asked[i] = start_acquire(mount, key, &me, SHORT_MS);
		asked[i + 1] = start_look(mount, key);
	}
	mount_close(mount);
	for (size_t i = 0; i < COUNT(asked); i++)
		if (asked[i]->status != 0)
			expect(-ESHUTDOWN, asked[i]);
}

static void test_close_while_locks_are_held(void **state)
{
	struct mount *mount = *state;
	char key[32];

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "lock-%d", i);
		expect(0, acquire(mount, key, &me, SHORT_MS + i));
	}
	mount_close(mount);
}

static void test_close_before_it_started(void **state)
{
	struct mount *mount = mount_new();
	struct answer *started;

	*state = mount;
	mount_open(mount);
	started = mount_start(mount);
	mount_close(mount);
	if (started->status != 0)
		expect(-ESHUTDOWN, started);
}

static void test_close_unstarted(void **state)
{
	struct mount *mount = mount_new();

	*state = mount;
	mount_open(mount);
	mount_close(mount);
}

static void test_unknown_source(void **state)
{
	static const char *const sources[] = {
		"", ":", "nothing", "nothing:", "mem", "memory", "memory2:", "Memory:",
	};
	struct mount *mount = mount_new();
	struct backend_config config = mount_config(mount);
	struct backend *const untouched = (struct backend *)mount;
	struct backend *backend = untouched;

	*state = mount;
	for (size_t i = 0; i < COUNT(sources); i++) {
		char problem[BACKEND_PROBLEM_MAX] = "";

		config.source = sources[i];
		assert_int_equal(backend_open(&config, &backend, problem), -EPROTONOSUPPORT);
		assert_ptr_equal(backend, untouched);
		assert_true(*problem && !strchr(problem, '\n'));
	}
	mount_close(mount);
}

/* Calls from within answers */

struct nested {
	struct mount *mount;
	int calls;
	int released;
};

static void on_nested_released(void *ctx, int status)
{
	struct nested *nested = ctx;

	nested->calls++;
	nested->released = status;
}

/* The arguments of `done` are gone with the first call within it. */
static void on_acquired_release(void *ctx, int status, const struct lock *lock)
{
	struct nested *nested = ctx;

	if (status < 0)
		return;
	backend_release(nested->mount->backend, KEY, NULL, match_token(lock->token), on_nested_released, nested);
}

static bool is_nested_done(const void *ctx)
{
	return ((const struct nested *)ctx)->calls > 0;
}

/* As if the caller has exited by the time of the answer. */
static void test_release_from_within_the_answer(void **state)
{
	struct mount *mount = *state;
	struct nested nested = { .mount = mount };
	struct acquisition acquisition = {
		.key = KEY,
		.holder = { me, "alice", "earth", "earth:/locks", "make", 1, 2, 3 },
		.ttl_ms = LONG_MS,
		.done = on_acquired_release,
		.ctx = &nested,
	};

	backend_acquire(mount->backend, &acquisition);
	await(mount, is_nested_done, &nested, "the release");
	assert_int_equal(nested.calls, 1);
	assert_int_equal(nested.released, 0);
	expect(-ENOENT, look(mount, KEY));
}

static const struct CMUnitTest mount_tests[] = {
	TEST(namespaces_are_apart),
	TEST(cancel),
	TEST(close_answers_what_is_under_way),
	TEST(close_while_locks_are_held),
	TEST_UNSTARTED(close_before_it_started),
	TEST_UNSTARTED(close_unstarted),
	TEST_UNSTARTED(unknown_source),
	TEST(release_from_within_the_answer),
};

#endif
