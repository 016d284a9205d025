/*
 * What a test of the contract stands on: a mount of its own, opened before it and closed after it, and
 * the list of all tests.
 */
#ifndef TESTS_CONTRACT_CONTRACT_H
#define TESTS_CONTRACT_CONTRACT_H

#include "tests/contract/calls.h"

static struct backend_config mount_config(struct mount *mount)
{
	return (struct backend_config){
		.loop = &mount->loop,
		.source = contract_source,
		.namespace_ = mount->namespace_,
		.timeout_ms = TIMEOUT_MS,
		.on_event = on_event,
		.on_gap = on_gap,
		.on_ended = on_ended,
		.on_notice = on_notice,
		.on_trace = contract_traces ? on_trace : NULL,
		.ctx = mount,
	};
}

/* Makes a mount with a loop and a namespace, but without a backend. */
static struct mount *mount_new(void)
{
	struct mount *mount = need(calloc(1, sizeof(*mount)));
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	snprintf(mount->namespace_, sizeof(mount->namespace_), "contract-%016" PRIx64, number);
	if (uv_loop_init(&mount->loop) < 0 || uv_timer_init(&mount->loop, &mount->alarm) < 0)
		abort();
	return mount;
}

static struct answer *mount_start(struct mount *mount)
{
	struct answer *answer = answer_new(mount, "");

	backend_start(mount->backend, on_started, answer);
	return answer;
}

static void mount_open(struct mount *mount)
{
	const struct backend_config config = mount_config(mount);
	char problem[BACKEND_PROBLEM_MAX] = "";

	if (backend_open(&config, &mount->backend, problem) < 0) {
		print_error("cannot open: %s\n", problem);
		fail();
	}
}

/* Removes everything below a path, as others use the server too. */
static void sweep(struct mount *mount, const char *path)
{
	const struct answer *found = list(mount, path);

	for (char *at = found->names; at && *at;) {
		bool is_dir = at[1] == '/';
		size_t length;
		char *child = NULL;

		at += is_dir ? 2 : 1;
		length = strcspn(at, "/");
		if (asprintf(&child, "%s%s%.*s", path, *path ? "/" : "", (int)length, at) < 0)
			abort();
		if (is_dir) {
			sweep(mount, child);
			remove_dir(mount, child);
		} else {
			force(mount, child);
		}
		free(child);
		at += length;
	}
}

static void count_handle(uv_handle_t *handle, void *ctx)
{
	size_t *count = ctx;

	(void)handle;
	++*count;
}

/* Has the backend closed all its handles, so that the loop has only the alarm? */
static bool is_alone(const void *ctx)
{
	size_t count = 0;

	uv_walk((uv_loop_t *)ctx, count_handle, &count);
	return count == 1;
}

static bool each_answered_once(const struct mount *mount)
{
	const struct answer *answer = mount->answers;

	while (answer && answer->calls == 1)
		answer = answer->next;
	return !answer;
}

/* Checks that every call is answered when close() returns, that none is answered again, and that the loop is empty. */
static void mount_close(struct mount *mount)
{
	backend_close(mount->backend);
	mount->backend = NULL;
	assert_true(each_answered_once(mount));
	await(mount, is_alone, &mount->loop, "the backend to leave the loop");
	uv_close((uv_handle_t *)&mount->alarm, NULL);
	uv_run(&mount->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&mount->loop), 0);
	assert_true(each_answered_once(mount));
}

static void forget_events(struct mount *mount)
{
	for (size_t i = 0; i < mount->event_count; i++)
		free(mount->events[i].key);
	mount->event_count = mount->events_read = 0;
}

static void mount_free(struct mount *mount)
{
	struct answer *answer, *next;

	for (answer = mount->answers; answer; answer = next) {
		next = answer->next;
		free(answer->lock);
		free(answer->names);
		for (size_t i = 0; i < answer->item_count; i++)
			free((char *)answer->items[i].name);
		free(answer->items);
		free(answer->key);
		free(answer);
	}
	forget_events(mount);
	free(mount->events);
	free(mount);
}

static bool is_listening(const void *ctx)
{
	const struct mount *mount = ctx;

	return mount->gaps || mount->event_count;
}

/*
 * Makes the backend report events from here on. A backend that subscribes late reports a
 * gap once it has; one that always listens reports the first event. The events of this key
 * end with its release, so the test sees none of them.
 */
static void mount_listen(struct mount *mount)
{
	const char *key = "listening";

	backend_listen(mount->backend, true);
	force(mount, key);
	await(mount, is_listening, mount, "listening");
	expect(0, acquire(mount, key, &me, LONG_MS));
	expect(0, release(mount, key, &me, 0));
	while (next_event(mount)->kind != EVENT_RELEASED)
		continue;
	forget_events(mount);
}

/* What cmocka calls before and after each test. */
static int set_up(void **state)
{
	struct mount *mount = mount_new();

	mount->row = *state;
	mount_open(mount);
	expect(0, wait_for(mount, mount_start(mount)));
	mount_listen(mount);
	*state = mount;
	return 0;
}

static int tear_down(void **state)
{
	struct mount *mount = *state;

	if (mount->backend) {
		sweep(mount, "");
		mount_close(mount);
	}
	mount_free(mount);
	return 0;
}

/* The list of tests. It is filled in at run time, so that each cell of a table has a name of its own. */

#define TEST(name) { #name, test_##name, set_up, tear_down, NULL }
#define TEST_UNSTARTED(name) { #name, test_##name, NULL, tear_down, NULL }

static struct CMUnitTest *tests;
static size_t test_count;

static void add_all(const struct CMUnitTest *more, size_t count)
{
	tests = need(reallocarray(tests, test_count + count, sizeof(*tests)));
	memcpy(tests + test_count, more, count * sizeof(*tests));
	test_count += count;
}

static void add(CMUnitTestFunction function, const void *row, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds the test of one row of a table. */
static void add(CMUnitTestFunction function, const void *row, const char *format, ...)
{
	struct CMUnitTest test = {
		.test_func = function,
		.setup_func = set_up,
		.teardown_func = tear_down,
		.initial_state = (void *)row,
	};
	va_list arguments;
	char *name = NULL;

	va_start(arguments, format);
	if (vasprintf(&name, format, arguments) < 0)
		abort();
	va_end(arguments);
	test.name = name;
	add_all(&test, 1);
}

#endif
