/* The permission bits of locks. */
#ifndef TESTS_CONTRACT_PERMISSIONS_H
#define TESTS_CONTRACT_PERMISSIONS_H

#include "tests/contract/judging.h"
#include "tests/contract/shared.h"

static struct answer *start_with(struct mount *mount, const struct lock_claim *claim, int64_t ttl_ms, mode_t permissions,
                                 unsigned int how)
{
	const struct lock_holder holder = holder_of(claim);
	struct answer *answer = plan_acquire(mount, KEY, &holder, ttl_ms, how);

	answer->acquisition.permissions = permissions;
	return start(mount, answer);
}

static struct answer *acquire_with(struct mount *mount, const struct lock_claim *claim, int64_t ttl_ms, mode_t permissions)
{
	return wait_for(mount, start_with(mount, claim, ttl_ms, permissions, PLAIN));
}

static struct answer *set_permissions_of(struct mount *mount, const char *key, const struct lock_claim *claim,
                                         struct holding_match match, mode_t permissions)
{
	struct answer *answer = answer_new(mount, key);

	backend_set_permissions(mount->backend, answer->key, claim, match, permissions, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *set_permissions(struct mount *mount, const struct lock_claim *claim, struct holding_match match,
                                      mode_t permissions)
{
	return set_permissions_of(mount, KEY, claim, match, permissions);
}

static void test_lock_begins_with_its_permissions(void **state)
{
	static const mode_t each[] = { 0, 0400, LOCK_PERMISSIONS, LOCK_PERMISSION_BITS };
	struct mount *mount = *state;

	for (size_t i = 0; i < COUNT(each); i++) {
		assert_int_equal(expect(0, acquire_with(mount, &me, LONG_MS, each[i]))->lock->permissions, each[i]);
		assert_int_equal(see(mount, KEY)->permissions, each[i]);
		assert_int_equal(expect(0, refresh(mount, KEY, &me, 0, LONG_MS))->lock->permissions, each[i]);
		expect(0, release(mount, KEY, &me, 0));
	}
}

static void test_only_the_holder_sets_permissions(void **state)
{
	struct mount *mount = *state;
	uint64_t token;

	expect(-ENOENT, set_permissions(mount, &me, match_any(), 0600));
	token = expect(0, acquire_with(mount, &me, LONG_MS, 0640))->lock->token;
	expect(-EPERM, set_permissions(mount, &they, match_any(), 0600));
	expect(-ENOENT, set_permissions(mount, &me, match_token(token + 1), 0600));
	assert_int_equal(see(mount, KEY)->permissions, 0640);
	assert_int_equal(expect(0, set_permissions(mount, &me, match_token(token), 0))->lock->permissions, 0);
	assert_int_equal(see(mount, KEY)->permissions, 0);
	assert_int_equal(expect(0, set_permissions(mount, &me, match_any(), 0604))->lock->token, token);
	assert_int_equal(expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS))->lock->permissions, 0604);
}

/* Neither the content nor the lease changes. */
static void test_permissions_change_nothing_else(void **state)
{
	struct mount *mount = *state;
	const struct lock *before, *after;
	uint64_t token = expect(0, acquire_with(mount, &me, LONG_MS, 0640))->lock->token;

	expect(0, store(mount, KEY, token, 0, "text", 4));
	before = see(mount, KEY);
	after = expect(0, set_permissions(mount, &me, match_any(), 0600))->lock;
	assert_content(after, "text", 4);
	assert_int_equal(after->expires_ms, before->expires_ms);
	assert_int_equal(after->refreshed_ms, before->refreshed_ms);
	assert_int_equal(after->ttl_ms, before->ttl_ms);
	assert_int_equal(after->form, FORM_FILE);
}

static void test_next_holder_has_its_own_permissions(void **state)
{
	struct mount *mount = *state;
	struct answer *waiting;

	expect(0, acquire_with(mount, &me, LONG_MS, 0600));
	waiting = start_with(mount, &they, LONG_MS, 0640, WAITS);
	expect_waiters(mount, KEY, 1);
	expect(0, release(mount, KEY, &me, 0));
	assert_int_equal(expect(0, wait_for(mount, waiting))->lock->permissions, 0640);
	assert_int_equal(see(mount, KEY)->permissions, 0640);
	expect(0, force(mount, KEY));
	expect(0, acquire_with(mount, &me, SHORT_MS, 0600));
	sleep_until(boot_ns() + 2 * SHORT_MS * NS_PER_MS);
	assert_int_equal(expect(0, acquire_with(mount, &they, LONG_MS, LOCK_PERMISSIONS))->lock->permissions, LOCK_PERMISSIONS);
}

static void test_conversions_keep_permissions(void **state)
{
	struct mount *mount = *state;
	struct answer *file = expect(0, acquire_with(mount, &me, LONG_MS, 0640));
	struct answer *shared = expect(0, convert(mount, file, LOCK_SHARED, PLAIN));

	assert_int_equal(shared->lock->permissions, 0640);
	assert_int_equal(expect(0, set_permissions(mount, &me, match_any(), 0444))->lock->permissions, 0444);
	assert_int_equal(expect(0, convert(mount, shared, LOCK_EXCLUSIVE, PLAIN))->lock->permissions, 0444);
	assert_int_equal(see(mount, KEY)->permissions, 0444);
}

static void test_permissions_are_of_one_shared_holding(void **state)
{
	struct mount *mount = *state;
	uint64_t mine = expect(0, wait_for(mount, start(mount, plan_reader(mount, 1, LONG_MS, PLAIN))))->lock->token;
	struct answer *theirs = expect(0, wait_for(mount, start(mount, plan_reader(mount, 2, LONG_MS, PLAIN))));
	struct lock_claim claim = { .id = theirs->acquisition.holder.claim.id };

	assert_int_equal(expect(0, set_permissions(mount, &claim, match_token(theirs->lock->token), 0400))->lock->permissions, 0400);
	expect(-EPERM, set_permissions(mount, &claim, match_token(mine), 0400));
}

static void test_telling_of_permissions_makes_a_lock_permanent(void **state)
{
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	expect(0, set_permissions(mount, &me, match_any(), 0600));
	backend_give_back(mount->backend, KEY, token);
	assert_int_equal(see(mount, KEY)->token, token);
}

static const struct CMUnitTest permission_tests[] = {
	TEST(lock_begins_with_its_permissions),
	TEST(only_the_holder_sets_permissions),
	TEST(permissions_change_nothing_else),
	TEST(next_holder_has_its_own_permissions),
	TEST(conversions_keep_permissions),
	TEST(permissions_are_of_one_shared_holding),
	TEST(telling_of_permissions_makes_a_lock_permanent),
};

#endif
