/*
 * The callbacks of a backend. They only write down what they are told: the tests judge it, as a
 * failing assertion jumps out of the function that it stands in.
 */
#ifndef TESTS_CONTRACT_EVENTS_H
#define TESTS_CONTRACT_EVENTS_H

#include "tests/contract/setting.h"

static void on_event(void *ctx, const struct lock_event *event)
{
	struct mount *mount = ctx;

	if (mount->event_count == mount->event_capacity) {
		mount->event_capacity = mount->event_capacity ? 2 * mount->event_capacity : 16;
		mount->events = need(reallocarray(mount->events, mount->event_capacity, sizeof(*mount->events)));
	}
	mount->events[mount->event_count++] = (struct heard_event){
		.kind = event->kind,
		.key = need(strdup(event->key)),
		.token = event->token,
		.ttl_ms = event->ttl_ms,
		.shared = event->shared,
		.at_ns = boot_ns(),
	};
}

static void on_gap(void *ctx)
{
	((struct mount *)ctx)->gaps++;
}

static void on_ended(void *ctx, const char *key, uint64_t token, bool taken)
{
	(void)key;
	((struct mount *)ctx)->ended = (struct ended){ token, taken };
}

static void on_notice(void *ctx, const char *line)
{
	(void)ctx;
	print_error("notice: %s\n", line);
}

static void on_trace(void *ctx, const char *line)
{
	(void)ctx;
	if (!*line)
		abort();
}

static bool has_news(const void *ctx)
{
	const struct mount *mount = ctx;

	return mount->events_read < mount->event_count;
}

/* Returns the next event that the test has not taken, which lives until another one comes. */
static const struct heard_event *next_event(struct mount *mount)
{
	await(mount, has_news, mount, "an event");
	return &mount->events[mount->events_read++];
}

/* Checks that the next event is this one, about this holding. */
static const struct heard_event *expect_event(struct mount *mount, enum lock_event_kind kind, const char *key,
                                       uint64_t token, int64_t ttl_ms)
{
	const struct heard_event *told = next_event(mount);

	assert_string_equal(event_word(told->kind), event_word(kind));
	assert_string_equal(told->key, key);
	assert_int_equal(told->token, token);
	assert_int_equal(told->ttl_ms, ttl_ms);
	return told;
}

static void expect_event_of(struct mount *mount, enum lock_event_kind kind, const struct lock *lock)
{
	const struct heard_event *told = expect_event(mount, kind, lock->key, lock->token, lock->ttl_ms);

	assert_int_equal(told->shared, lock->mode == LOCK_SHARED);
}

#endif
