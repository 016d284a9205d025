/* Giving back an acquisition. A holder that an answer has told that it holds keeps the lock. */
#ifndef TESTS_CONTRACT_GIVING_BACK_H
#define TESTS_CONTRACT_GIVING_BACK_H

#include "tests/contract/binding.h"
#include "tests/contract/sharing.h"

static struct answer *start_look_as(struct mount *mount, const char *key, const struct lock_claim *claim)
{
	struct answer *answer = answer_new(mount, key);

	backend_read_as(mount->backend, answer->key, claim, match_any(), on_entry_done, answer);
	return answer;
}

static void test_what_is_given_back_is_free(void **state)
{
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect(0, look(mount, KEY));
	backend_give_back(mount->backend, KEY, token + 1);
	backend_give_back(mount->backend, "free", token);
	expect(0, look(mount, KEY));
	backend_give_back(mount->backend, KEY, token);
	expect(-ENOENT, look(mount, KEY));
	expect(0, acquire(mount, KEY, &they, LONG_MS));
	backend_give_back(mount->backend, KEY, token);
	assert_string_equal(see(mount, KEY)->holder.claim.id, they.id);
}

static void test_what_is_given_back_is_passed_on(void **state)
{
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire_how(mount, KEY, &me, LONG_MS, BOUND))->lock->token;
	struct answer *waiters[2];

	start_waits(mount, KEY, waiters, COUNT(waiters));
	backend_give_back(mount->backend, KEY, token);
	expect_handed(mount, waiters[0]);
	expect_waiting(waiters + 1, 1);
	backend_give_back(mount->backend, KEY, waiters[0]->lock->token);
	expect_handed(mount, waiters[1]);
	give_on(mount, waiters[1]);
}

/* Answers that tell a holder, other than the caller that acquired, that it holds the lock. */

static void tell_by_acquiring(struct mount *mount, uint64_t token)
{
	(void)token;
	expect(-EEXIST, acquire(mount, KEY, &me, LONG_MS));
}

static void tell_by_refreshing(struct mount *mount, uint64_t token)
{
	(void)token;
	expect(0, refresh(mount, KEY, &(struct lock_claim){ me.id, NULL }, 0, LEASE_UNSET));
}

static void tell_by_binding(struct mount *mount, uint64_t token)
{
	expect(0, bind_to_file(mount, KEY, &me, token));
}

static void tell_by_writing(struct mount *mount, uint64_t token)
{
	expect(0, store(mount, KEY, token, 0, "words", 5));
}

static void tell_by_truncating(struct mount *mount, uint64_t token)
{
	expect(0, cut(mount, KEY, &me, token, 3));
}

static void (*const ways_of_telling[])(struct mount *mount, uint64_t token) = {
	tell_by_acquiring, tell_by_refreshing, tell_by_binding, tell_by_writing, tell_by_truncating,
};

static void test_who_was_told_keeps_what_is_given_back(void **state)
{
	struct mount *mount = *state;

	for (size_t i = 0; i < COUNT(ways_of_telling); i++) {
		uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

		ways_of_telling[i](mount, token);
		backend_give_back(mount->backend, KEY, token);
		assert_int_equal(see(mount, KEY)->token, token);
		expect(0, release(mount, KEY, &me, token));
	}
}

static void on_acquired_give_back(void *ctx, int status, const struct lock *lock)
{
	struct mount *mount = ctx;

	assert_int_equal(status, 0);
	backend_give_back(mount->backend, KEY, lock->token);
}

/* A read() that was made before the lock is given back is answered after that. */
static void test_what_is_given_back_is_told_to_nobody(void **state)
{
	struct mount *mount = *state;
	struct acquisition acquisition = {
		.key = KEY,
		.holder = holder_of(&me),
		.ttl_ms = LONG_MS,
		.done = on_acquired_give_back,
		.ctx = mount,
	};
	struct answer *seen;

	backend_acquire(mount->backend, &acquisition);
	seen = wait_for(mount, start_look_as(mount, KEY, &me));
	if (seen->status != -ENOENT)
		assert_false(lock_is_held_by(expect(0, seen)->lock, &me));
	expect(-ENOENT, look(mount, KEY));
}

static void test_who_was_told_by_another_mount_keeps_what_is_given_back(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);

	for (size_t i = 0; i < COUNT(ways_of_telling); i++) {
		uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

		ways_of_telling[i](other, token);
		backend_give_back(mount->backend, KEY, token);
		assert_int_equal(see(mount, KEY)->token, token);
		expect(0, release(mount, KEY, &me, token));
	}
	mount_leave(other);
}

static void test_a_look_by_its_claim_keeps_what_another_mount_gives_back(void **state)
{
	const struct lock_claim by_id = { me.id, NULL };
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	assert_false(lock_is_held_by(expect(0, look(other, KEY))->lock, &me));
	assert_false(lock_is_held_by(expect(0, wait_for(other, start_look_as(other, KEY, &they)))->lock, &me));
	backend_give_back(mount->backend, KEY, token);
	expect(-ENOENT, look(mount, KEY));

	token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;
	assert_true(lock_is_held_by(expect(0, wait_for(other, start_look_as(other, KEY, &by_id)))->lock, &me));
	backend_give_back(mount->backend, KEY, token);
	assert_true(lock_is_held_by(see(mount, KEY), &me));
	assert_true(lock_is_held_by(expect(0, look(other, KEY))->lock, &me));
	expect(0, release(other, KEY, &by_id, token));
	mount_leave(other);
}

static const struct CMUnitTest giving_back_tests[] = {
	TEST(what_is_given_back_is_free),
	TEST(what_is_given_back_is_passed_on),
	TEST(who_was_told_keeps_what_is_given_back),
	TEST(what_is_given_back_is_told_to_nobody),
};

static const struct CMUnitTest shared_giving_back_tests[] = {
	TEST(who_was_told_by_another_mount_keeps_what_is_given_back),
	TEST(a_look_by_its_claim_keeps_what_another_mount_gives_back),
};

static void add_giving_back(void)
{
	add_all(giving_back_tests, COUNT(giving_back_tests));
	/* Two mounts of `memory:` share nothing. */
	if (strcmp(contract_source, "memory:") != 0)
		add_all(shared_giving_back_tests, COUNT(shared_giving_back_tests));
}

#endif
