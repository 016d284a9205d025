/* Ends of waiting: cancelling, closing, and answers that call the backend again. */
#ifndef TESTS_CONTRACT_CANCELLING_H
#define TESTS_CONTRACT_CANCELLING_H

#include "tests/contract/waiters.h"

#define CANCEL_COUNT 5

static const struct cancel_case {
	const char *name;
	bool cancelled[CANCEL_COUNT];
} cancel_cases[] = {
	{ "the first", { true } },
	{ "one in the middle", { false, false, true } },
	{ "the last", { false, false, false, false, true } },
	{ "the first two", { true, true } },
	{ "all but the last", { true, true, true, true } },
	{ "all but the first", { false, true, true, true, true } },
	{ "all", { true, true, true, true, true } },
};

static void test_cancel_of_waiters(void **state)
{
	struct mount *mount = *state;
	const struct cancel_case *which = mount->row;
	struct answer *waiters[CANCEL_COUNT];
	struct answer *left[CANCEL_COUNT + 1];
	size_t left_count = 0;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, COUNT(waiters));
	expect_waiters(mount, KEY, COUNT(waiters));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		if (!which->cancelled[i]) {
			left[left_count++] = waiters[i];
			continue;
		}
		backend_cancel(mount->backend, &waiters[i]->acquisition);
		expect(-ECANCELED, wait_for(mount, waiters[i]));
	}
	expect_waiters(mount, KEY, left_count);
	assert_string_equal(see(mount, KEY)->holder.claim.id, me.id);
	/* A new waiter is behind those that stayed. */
	left[left_count++] = start_wait(mount, KEY, COUNT(waiters));
	expect(0, release(mount, KEY, &me, 0));
	expect_handed_on(mount, left, left_count);
}

/* cancel() comes before the backend can have answered. */
static void test_cancel_at_once(void **state)
{
	struct mount *mount = *state;
	struct answer *waiter;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	waiter = start_wait(mount, KEY, 1);
	backend_cancel(mount->backend, &waiter->acquisition);
	expect(-ECANCELED, wait_for(mount, waiter));
	expect_waiters(mount, KEY, 0);
	expect(0, release(mount, KEY, &me, 0));

	waiter = start_wait(mount, KEY, 2);
	if (!is_answered(waiter))
		backend_cancel(mount->backend, &waiter->acquisition);
	wait_for(mount, waiter);
	if (waiter->status == 0)
		give_on(mount, waiter);
	else
		expect(-ECANCELED, waiter);
	expect(0, acquire_how(mount, KEY, &they, LONG_MS, WAITS));
}

/* The first of the two decides, and the lock is not lost. */
static void test_cancel_meets_hand_over(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[2];

	for (int turns = 0; turns < 200; turns++) {
		expect(0, acquire(mount, KEY, &me, LONG_MS));
		start_waits(mount, KEY, waiters, COUNT(waiters));
		expect_waiters(mount, KEY, COUNT(waiters));
		start_release(mount, KEY, &me);
		for (int i = 0; i < turns % 10 && !is_answered(waiters[0]); i++)
			uv_run(&mount->loop, UV_RUN_NOWAIT);
		if (!is_answered(waiters[0]))
			backend_cancel(mount->backend, &waiters[0]->acquisition);
		wait_for(mount, waiters[0]);
		if (waiters[0]->status == 0)
			give_on(mount, waiters[0]);
		else
			expect(-ECANCELED, waiters[0]);
		expect_handed(mount, waiters[1]);
		give_on(mount, waiters[1]);
	}
	expect(-ENOENT, look(mount, KEY));
}

/* Closing */

static void test_close_answers_waiters(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[50];
	char key[16];

	for (size_t i = 0; i < COUNT(waiters); i++) {
		snprintf(key, sizeof(key), "lock-%zu", i % 7);
		acquire(mount, key, &me, LONG_MS);
		waiters[i] = start_wait(mount, key, i);
	}
	for (size_t i = 0; i < 7; i++) {
		snprintf(key, sizeof(key), "lock-%zu", i);
		expect_waiters(mount, key, i < COUNT(waiters) % 7 ? 8 : 7);
	}
	mount_close(mount);
	for (size_t i = 0; i < COUNT(waiters); i++)
		expect(-ESHUTDOWN, waiters[i]);
}

static void test_close_in_the_middle_of_joining(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[10];

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, COUNT(waiters));
	for (size_t i = 0; i < COUNT(waiters); i += 2)
		backend_cancel(mount->backend, &waiters[i]->acquisition);
	mount_close(mount);
	for (size_t i = 0; i < COUNT(waiters); i++)
		expect(i % 2 ? -ESHUTDOWN : -ECANCELED, waiters[i]);
}

/* Answers that call the backend again */

#define CHAIN 200

struct chain {
	struct mount *mount;
	struct acquisition links[CHAIN];
	char ids[CHAIN][16];
	size_t handed;   /* waiters that were granted the lock */
	size_t in_order; /* those of them that had their turn */
	size_t cancelled;
	size_t ended;    /* releases that were answered with 0 */
	bool again;      /* each acquires once more */
	bool cancels;    /* the first cancels the others */
};

static void on_chain_released(void *ctx, int status)
{
	struct chain *chain = ctx;

	chain->ended += status == 0;
}

static void on_chain(void *ctx, int status, const struct lock *lock)
{
	struct chain *chain = ctx;
	struct acquisition *link;
	uint64_t token;

	if (status < 0) {
		chain->cancelled += status == -ECANCELED;
		return;
	}
	token = lock->token;
	chain->in_order += strcmp(lock->holder.claim.id, chain->ids[chain->handed % CHAIN]) == 0;
	link = &chain->links[chain->handed % CHAIN];
	chain->handed++;
	if (chain->cancels)
		for (size_t i = 1; i < CHAIN; i++)
			backend_cancel(chain->mount->backend, &chain->links[i]);
	if (chain->again && chain->handed <= CHAIN) {
		link->exclusive_even_for_me = true; /* it holds the lock itself still */
		backend_acquire(chain->mount->backend, link);
	}
	backend_release(chain->mount->backend, KEY, &link->holder.claim, match_token(token), on_chain_released, chain);
}

static void start_chain(struct mount *mount, struct chain *chain)
{
	chain->mount = mount;
	for (size_t i = 0; i < CHAIN; i++) {
		snprintf(chain->ids[i], sizeof(chain->ids[i]), "link-%zu", i);
		chain->links[i] = (struct acquisition){
			.key = KEY,
			.holder = holder_of(&(struct lock_claim){ .id = chain->ids[i] }),
			.ttl_ms = LONG_MS,
			.waits = true,
			.done = on_chain,
			.ctx = chain,
		};
		backend_acquire(mount->backend, &chain->links[i]);
	}
}

static bool is_chain_done(const void *ctx)
{
	const struct chain *chain = ctx;

	return chain->ended + chain->cancelled == (chain->again ? 2 : 1) * CHAIN;
}

static void run_chain(struct mount *mount, struct chain *chain)
{
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_chain(mount, chain);
	expect_waiters(mount, KEY, CHAIN);
	expect(0, release(mount, KEY, &me, 0));
	await(mount, is_chain_done, chain, "each link of the chain");
	assert_int_equal(chain->in_order, chain->handed);
	expect(-ENOENT, look(mount, KEY));
}

/* Static, so that it still exists for answers that come after a failed assertion. */
static struct chain chain;

static void test_each_releases_at_once(void **state)
{
	chain = (struct chain){ 0 };
	run_chain(*state, &chain);
	assert_int_equal(chain.handed, CHAIN);
}

static void test_each_queues_again_at_once(void **state)
{
	chain = (struct chain){ .again = true };
	run_chain(*state, &chain);
	assert_int_equal(chain.handed, 2 * CHAIN);
}

static void test_first_cancels_all_others(void **state)
{
	chain = (struct chain){ .cancels = true };
	run_chain(*state, &chain);
	assert_int_equal(chain.handed, 1);
	assert_int_equal(chain.cancelled, CHAIN - 1);
}

static const struct CMUnitTest cancelling_tests[] = {
	TEST(cancel_at_once),
	TEST(cancel_meets_hand_over),
	TEST(close_answers_waiters),
	TEST(close_in_the_middle_of_joining),
	TEST(each_releases_at_once),
	TEST(each_queues_again_at_once),
	TEST(first_cancels_all_others),
};

static void add_cancelling(void)
{
	for (size_t i = 0; i < COUNT(cancel_cases); i++)
		add(test_cancel_of_waiters, &cancel_cases[i], "cancelled while waiting: %s", cancel_cases[i].name);
	add_all(cancelling_tests, COUNT(cancelling_tests));
}

#endif
