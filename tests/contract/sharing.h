/* Two mounts of one namespace, if the backend can share one. */
#ifndef TESTS_CONTRACT_SHARING_H
#define TESTS_CONTRACT_SHARING_H

#include "tests/contract/waiters.h"

/* Opens a second mount of the namespace of the first, with a loop of its own. */
static struct mount *mount_beside(const struct mount *mount)
{
	struct mount *other = mount_new();

	memcpy(other->namespace_, mount->namespace_, sizeof(other->namespace_));
	mount_open(other);
	expect(0, wait_for(other, mount_start(other)));
	mount_listen(other);
	return other;
}

static void mount_leave(struct mount *mount)
{
	mount_close(mount);
	mount_free(mount);
}

/* Runs both loops until the condition holds. */
static void await_both(struct mount *mount, struct mount *other, condition *holds, const void *ctx, const char *what)
{
	int64_t until_ns = boot_ns() + DEADLINE_NS;

	while (!holds(ctx)) {
		if (boot_ns() > until_ns) {
			print_error("waited too long for: %s\n", what);
			fail();
		}
		uv_run(&mount->loop, UV_RUN_NOWAIT);
		uv_run(&other->loop, UV_RUN_NOWAIT);
		sleep_until(boot_ns() + NS_PER_MS / 10);
	}
}

static void test_order_over_two_mounts(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct mount *const mounts[] = { mount, other };
	struct answer *waiters[20];

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		waiters[i] = start_wait(mounts[i * 7 % 3 % 2], KEY, i);
		expect_waiters(mounts[i * 7 % 3 % 2], KEY, i + 1); /* so that it came before the next */
	}
	expect(0, release(mount, KEY, &me, 0));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		await_both(mount, other, is_answered, waiters[i], "the next");
		expect_handed(mounts[i * 7 % 3 % 2], waiters[i]);
		expect_waiting(waiters + i + 1, COUNT(waiters) - i - 1);
		give_on(mounts[i * 7 % 3 % 2], waiters[i]);
	}
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* A lease that one mount shortens while another waits for its end; and one of a mount whose loop stops. */
static void test_shorter_lease_at_another_mount(void **state)
{
	static const struct lock_claim brief = { "brief", NULL };
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *first, *second, *held;

	held = expect(0, acquire(other, KEY, &me, LONG_MS));
	first = start_acquire_how(other, KEY, &brief, WORK_MS, WAITS);
	expect_waiters(other, KEY, 1);
	second = start_wait(mount, KEY, 2);
	expect_waiters(mount, KEY, 2);
	held = expect(0, refresh(other, KEY, &me, 0, WORK_MS));
	await_both(mount, other, is_answered, first, "the first");
	expect(0, first);
	assert_true(first->at_ns <= held->at_ns + (WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	expect_handed(mount, second);
	assert_true(second->at_ns <= first->at_ns + (WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	mount_leave(other);
}

/* Waiters of a mount that is gone are skipped, and its holdings stay. */
static void test_mount_leaves_its_place(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *waiter;
	int64_t from_ns;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	for (size_t i = 0; i < 10; i++)
		start_wait(other, KEY, i);
	expect_waiters(other, KEY, 10);
	waiter = start_wait(mount, KEY, 10);
	expect_waiters(mount, KEY, 11);
	mount_leave(other);
	from_ns = boot_ns();
	expect(0, release(mount, KEY, &me, 0));
	expect_handed(mount, waiter);
	assert_true(waiter->at_ns < from_ns + NS_PER_S);
	give_on(mount, waiter);
	expect(-ENOENT, look(mount, KEY));
}

/* A mount whose loop stops after a grant does not block the lock for the others. */
static void test_mount_that_stands_still(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *still, *waiter;
	int64_t from_ns;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	still = start_wait(other, KEY, 1);
	expect_waiters(other, KEY, 1);
	waiter = start_wait(mount, KEY, 2);
	expect_waiters(mount, KEY, 2);
	from_ns = boot_ns();
	expect(0, release(mount, KEY, &me, 0));
	expect_handed(mount, waiter);
	assert_true(waiter->at_ns < from_ns + 2 * NS_PER_S);
	assert_int_equal(still->calls, 0);
	/* It continues to wait when its loop runs again, and is granted the lock in its turn. */
	give_on(mount, waiter);
	await_both(mount, other, is_answered, still, "the one that stood still");
	expect_handed(other, still);
	give_on(other, still);
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* The holder's mount gets on_ended before the lock is free for anybody else. */
static void test_bound_holder_is_told_first(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	const struct lock *held = expect(0, acquire_how(other, KEY, &they, LONG_MS, BOUND))->lock;
	struct answer *waiter = start_wait(mount, KEY, 1);
	struct answer *forced = answer_new(mount, KEY);

	other->ended = (struct ended){ 0 };
	expect_waiters(mount, KEY, 1);
	backend_release(mount->backend, forced->key, NULL, match_any(), on_done, forced);
	/* Only this mount's loop runs for a while: the holder's mount does not know of the release yet. */
	for (int i = 0; i < 10; i++) {
		look(mount, KEY);
		sleep_until(boot_ns() + NS_PER_MS);
	}
	expect_waiting(&waiter, 1);
	expect_waiting(&forced, 1);
	await_both(mount, other, is_answered, waiter, "the next holder");
	await_both(mount, other, is_answered, forced, "the forced release");
	expect(0, forced);
	expect_handed(mount, waiter);
	assert_int_equal(other->ended.token, held->token);
	assert_true(other->ended.taken);
	give_on(mount, waiter);
	mount_leave(other);
}

static const struct CMUnitTest sharing_tests[] = {
	TEST(order_over_two_mounts),
	TEST(shorter_lease_at_another_mount),
	TEST(mount_leaves_its_place),
	TEST(mount_that_stands_still),
	TEST(bound_holder_is_told_first),
};

static void add_sharing(void)
{
	/* Two mounts of `memory:` share nothing. */
	if (strcmp(contract_source, "memory:") != 0)
		add_all(sharing_tests, COUNT(sharing_tests));
}

#endif
