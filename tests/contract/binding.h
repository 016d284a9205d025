/* Binding to an open file, and the callbacks that its mount gets. */
#ifndef TESTS_CONTRACT_BINDING_H
#define TESTS_CONTRACT_BINDING_H

#include "tests/contract/waiters.h"

static struct answer *bind_to_file(struct mount *mount, const char *key, const struct lock_claim *claim, uint64_t token)
{
	struct answer *answer = answer_new(mount, key);

	backend_bind(mount->backend, answer->key, claim, token, on_lock_done, answer);
	return wait_for(mount, answer);
}

static void test_bind_starts_the_lease_anew(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;
	const struct lock *bound;

	expect(0, store(mount, KEY, held->token, 0, "kept", 4));
	while (see(mount, KEY)->remaining_ms > LONG_MS - SHORT_MS)
		sleep_until(boot_ns() + NS_PER_MS);
	bound = expect(0, bind_to_file(mount, KEY, &me, held->token))->lock;
	assert_same_holding(held, bound);
	assert_sound(bound);
	assert_int_equal(bound->ttl_ms, LONG_MS);
	assert_true(bound->remaining_ms > LONG_MS - SHORT_MS);
	assert_content(bound, "kept", 4);
	assert_same_lock(bound, see(mount, KEY));
	expect(0, refresh(mount, KEY, &me, held->token, LEASE_UNSET));
	expect(0, release(mount, KEY, &me, held->token));
}

static void test_bind_what_never_expires(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LEASE_NEVER))->lock;

	assert_same_holding(held, expect(0, bind_to_file(mount, KEY, &me, held->token))->lock);
	assert_int_equal(see(mount, KEY)->remaining_ms, LEASE_NEVER);
}

static void test_bind_refused(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;

	expect(-EPERM, bind_to_file(mount, KEY, &they, held->token));
	expect(-EPERM, bind_to_file(mount, KEY, &(struct lock_claim){ they.id, NULL }, held->token));
	expect(-ENOENT, bind_to_file(mount, KEY, &me, held->token + 1));
	expect(-ENOENT, bind_to_file(mount, "free", &me, held->token));
	assert_same_lock(held, see(mount, KEY));
	expect(0, bind_to_file(mount, KEY, &(struct lock_claim){ me.id, NULL }, held->token));
	expect(0, release(mount, KEY, &me, 0));
	expect(-ENOENT, bind_to_file(mount, KEY, &me, held->token));
	acquire_expired(mount, KEY, &me);
	expect(-ENOENT, bind_to_file(mount, KEY, &me, held->token));
}

static void test_bound_passes_on_too(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire_how(mount, KEY, &me, LONG_MS, BOUND))->lock;
	struct answer *waiters[3];

	start_waits(mount, KEY, waiters, COUNT(waiters));
	expect(0, release(mount, KEY, &me, held->token));
	expect_handed(mount, waiters[0]);
	held = expect(0, bind_to_file(mount, KEY, &waiters[0]->acquisition.holder.claim, waiters[0]->lock->token))->lock;
	expect(0, force(mount, KEY));
	expect_handed(mount, waiters[1]);
	give_on(mount, waiters[1]);
	expect_handed_on(mount, waiters + 2, 1);
}

/* on_ended comes before the next holder has the key. */
static void test_ends_are_told(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire_how(mount, KEY, &me, LONG_MS, BOUND))->lock;
	struct answer *waiter = start_wait(mount, KEY, 1);

	expect_waiters(mount, KEY, 1);
	expect(0, force(mount, KEY));
	assert_int_equal(mount->ended.token, held->token);
	assert_true(mount->ended.taken);
	expect_handed(mount, waiter);
	give_on(mount, waiter);
	assert_int_equal(mount->ended.token, waiter->lock->token);
	assert_false(mount->ended.taken);
}

static const struct CMUnitTest binding_tests[] = {
	TEST(bind_starts_the_lease_anew),
	TEST(bind_what_never_expires),
	TEST(bind_refused),
	TEST(bound_passes_on_too),
	TEST(ends_are_told),
};

#endif
