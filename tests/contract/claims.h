/* The third table: which claim proves which holding. Also: what a token protects. */
#ifndef TESTS_CONTRACT_CLAIMS_H
#define TESTS_CONTRACT_CLAIMS_H

#include "tests/contract/judging.h"

static const struct proof {
	const char *name;
	struct lock_claim holder;
	struct lock_claim asking;
	bool proves;
} proofs[] = {
	{ "another id with the identity", { "id-1", "mine" }, { "id-2", "mine" }, true },
	{ "the identity without an id", { "id-1", "mine" }, { NULL, "mine" }, true },
	{ "the id alone", { "id-1", "mine" }, { "id-1", NULL }, true },
	{ "the id with another identity", { "id-1", "mine" }, { "id-1", "theirs" }, false },
	{ "another id alone", { "id-1", "mine" }, { "id-2", NULL }, false },
	{ "the identity given as an id", { "id-1", "mine" }, { "mine", NULL }, false },
	{ "the start of the identity", { "id-1", "mine" }, { "id-1", "min" }, false },
	{ "the given id", { "alice", NULL }, { "alice", NULL }, true },
	{ "the given id with an identity", { "alice", NULL }, { "alice", "mine" }, false },
	{ "the given id as an identity", { "alice", NULL }, { "id-1", "alice" }, false },
	{ "the given id in other letters", { "alice", NULL }, { "Alice", NULL }, false },
	{ "the start of the given id", { "alice", NULL }, { "alic", NULL }, false },
};

static void test_proof(void **state)
{
	struct mount *mount = *state;
	const struct proof *proof = mount->row;
	const struct lock *held = expect(0, acquire(mount, KEY, &proof->holder, LONG_MS))->lock;

	if (proof->asking.id) /* which an acquisition always has */
		expect(proof->proves ? -EEXIST : -EBUSY, acquire(mount, KEY, &proof->asking, LONG_MS));
	expect(proof->proves ? 0 : -EPERM, refresh(mount, KEY, &proof->asking, 0, LEASE_UNSET));
	expect(proof->proves ? 0 : -EPERM, refresh(mount, KEY, &proof->asking, held->token, LEASE_UNSET));
	expect(proof->proves ? 0 : -EBUSY, cut(mount, KEY, &proof->asking, held->token, 1));
	assert_same_holding(held, see(mount, KEY));
	expect(proof->proves ? 0 : -EPERM, release(mount, KEY, &proof->asking, held->token));
	expect(proof->proves ? -ENOENT : 0, look(mount, KEY));
}


static void test_tokens_increase(void **state)
{
	static const char *const keys[] = { "b", "a", "dir/c", "b", "a", "dir/c", "a" };
	struct mount *mount = *state;
	uint64_t last = 0;

	expect(0, make_dir(mount, "dir"));
	for (size_t i = 0; i < COUNT(keys); i++) {
		/* By turns released, forced, and left to expire. */
		const struct answer *held = expect(0, acquire(mount, keys[i], &me, SHORT_MS));

		assert_true(held->lock->token > last);
		last = held->lock->token;
		if (i % 3 == 0)
			expect(0, release(mount, keys[i], &me, 0));
		else if (i % 3 == 1)
			expect(0, force(mount, keys[i]));
		else
			let_pass(held);
	}
}

/* Nothing can be done to a holding by the token of another. */
static void expect_other_holding(struct mount *mount, uint64_t token)
{
	const struct lock *before = see(mount, KEY);

	expect(-ENOENT, release(mount, KEY, &me, token));
	expect(-ENOENT, release(mount, KEY, NULL, token));
	expect(-ENOENT, refresh(mount, KEY, &me, token, 2 * LONG_MS));
	expect(-ENOENT, cut(mount, KEY, &me, token, 0));
	expect(-ESTALE, store(mount, KEY, token, 0, "bad", 3));
	assert_same_lock(before, see(mount, KEY));
}

static void test_token_names_one_holding(void **state)
{
	struct mount *mount = *state;
	uint64_t old = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;
	uint64_t token;

	expect(0, release(mount, KEY, &me, old));
	token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;
	expect(0, store(mount, KEY, token, 0, "kept", 4));
	expect_other_holding(mount, old);
	expect_other_holding(mount, token + 1);

	expect(0, refresh(mount, KEY, &me, token, LEASE_UNSET));
	expect(0, cut(mount, KEY, &me, token, 2));
	expect(0, cut(mount, KEY, &me, 0, 1));
	expect(0, release(mount, KEY, NULL, token));
}

static void test_expired_mine_is_acquired_anew(void **state)
{
	struct mount *mount = *state;
	const struct lock *old = expect(0, acquire(mount, KEY, &me, WORK_MS))->lock;
	const struct lock *new;

	expect(0, store(mount, KEY, old->token, 0, "old", 3));
	let_pass(expect(0, look(mount, KEY)));
	new = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;
	assert_true(new->token > old->token);
	assert_int_equal(new->content_size, 0);
	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect_other_holding(mount, old->token);
}

static void test_one_of_many_wins(void **state)
{
	struct mount *mount = *state;
	struct answer *contenders[100];
	char ids[COUNT(contenders)][16];
	size_t winners = 0;

	for (size_t i = 0; i < COUNT(contenders); i++) {
		snprintf(ids[i], sizeof(ids[i]), "id-%zu", i);
		contenders[i] = start_acquire(mount, KEY, &(struct lock_claim){ .id = ids[i] }, LONG_MS);
	}
	for (size_t i = 0; i < COUNT(contenders); i++) {
		if (wait_for(mount, contenders[i])->status == 0) {
			assert_string_equal(see(mount, KEY)->holder.claim.id, ids[i]);
			winners++;
		} else {
			expect(-EBUSY, contenders[i]);
		}
	}
	assert_int_equal(winners, 1);
}

static const struct CMUnitTest claim_tests[] = {
	TEST(tokens_increase),
	TEST(token_names_one_holding),
	TEST(expired_mine_is_acquired_anew),
	TEST(one_of_many_wins),
};

static void add_claims(void)
{
	for (size_t i = 0; i < COUNT(proofs); i++)
		add(test_proof, &proofs[i], "a claim: %s", proofs[i].name);
	add_all(claim_tests, COUNT(claim_tests));
}

#endif
