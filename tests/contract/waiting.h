/* Waiting: queues, how a key passes from holder to holder, and cancelling. */
#ifndef TESTS_CONTRACT_WAITING_H
#define TESTS_CONTRACT_WAITING_H

#include "tests/contract/judging.h"

#define MANY_WAIT 1000

#define HANDED_LATE_MS 300 /* how late a key may be handed on when a lease has passed */

static struct answer *start(struct mount *mount, struct answer *answer)
{
	backend_acquire(mount->backend, &answer->acquisition);
	return answer;
}

static struct answer *start_acquire_how(struct mount *mount, const char *key, const struct lock_claim *claim,
                                        int64_t ttl_ms, unsigned int how)
{
	const struct lock_holder holder = holder_of(claim);

	return start(mount, plan_acquire(mount, key, &holder, ttl_ms, how));
}

static struct answer *acquire_how(struct mount *mount, const char *key, const struct lock_claim *claim,
                                  int64_t ttl_ms, unsigned int how)
{
	return wait_for(mount, start_acquire_how(mount, key, claim, ttl_ms, how));
}

/* Somebody of their own for each number. The id lives until the next eight were made. */
static struct lock_claim nth(size_t number)
{
	static char ids[8][24];
	static size_t next;
	char *id = ids[next++ % COUNT(ids)];

	snprintf(id, sizeof(ids[0]), "waiter-%zu", number);
	return (struct lock_claim){ .id = id };
}

/* Waiters keep their claims for as long as they wait, so each answer has its own. */
static struct answer *start_wait(struct mount *mount, const char *key, size_t number)
{
	const struct lock_claim claim = nth(number);
	const struct lock_holder holder = holder_of(&claim);
	struct answer *answer = plan_acquire(mount, key, &holder, LONG_MS, WAITS);

	answer->names = need(strdup(claim.id));
	answer->acquisition.holder.claim.id = answer->names;
	return start(mount, answer);
}

static void start_waits(struct mount *mount, const char *key, struct answer **waiters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		waiters[i] = start_wait(mount, key, i);
}

/* So many wait for a held key; it may take a moment until that is seen. */
static void expect_waiters(struct mount *mount, const char *key, uint64_t count)
{
	int64_t until_ns = boot_ns() + DEADLINE_NS;

	while (see(mount, key)->waiters != count && boot_ns() < until_ns)
		sleep_until(boot_ns() + NS_PER_MS);
	assert_int_equal(see(mount, key)->waiters, count);
}

/* None of these was answered. */
static void expect_waiting(struct answer *const *waiters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(waiters[i]->calls, 0);
}

/* This waiter has the lock now, and nobody else. */
static const struct lock *expect_handed(struct mount *mount, struct answer *waiter)
{
	const struct lock *lock = expect(0, wait_for(mount, waiter))->lock;

	assert_sound(lock);
	assert_int_equal(lock->ttl_ms, LONG_MS);
	assert_string_equal(lock->holder.claim.id, waiter->acquisition.holder.claim.id);
	assert_string_equal(see(mount, waiter->key)->holder.claim.id, lock->holder.claim.id);
	assert_int_equal(see(mount, waiter->key)->token, lock->token);
	return lock;
}

static struct answer *start_release(struct mount *mount, const char *key, const struct lock_claim *claim)
{
	struct answer *answer = answer_new(mount, key);

	backend_release(mount->backend, answer->key, claim, match_any(), on_done, answer);
	return answer;
}

/* Releases what a waiter was handed. */
static void give_on(struct mount *mount, const struct answer *waiter)
{
	expect(0, release(mount, waiter->key, &waiter->acquisition.holder.claim, waiter->lock->token));
}

/* Each of these is handed the key in this order, and the last one leaves it free. */
static void expect_handed_on(struct mount *mount, struct answer *const *waiters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		expect_handed(mount, waiters[i]);
		expect_waiting(waiters + i + 1, count - i - 1);
		give_on(mount, waiters[i]);
	}
	expect(-ENOENT, look(mount, waiters[0]->key));
}

/* Order */

static void test_order_of_arrival(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[20];

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, COUNT(waiters));
	expect_waiters(mount, KEY, COUNT(waiters));
	expect_waiting(waiters, COUNT(waiters));
	expect(0, release(mount, KEY, &me, 0));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		expect_handed(mount, waiters[i]);
		expect_waiters(mount, KEY, COUNT(waiters) - i - 1);
		expect_waiting(waiters + i + 1, COUNT(waiters) - i - 1);
		give_on(mount, waiters[i]);
	}
	expect(-ENOENT, look(mount, KEY));
}

static void test_queue_outlives_holders(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[12];

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, 3);
	expect(0, release(mount, KEY, &me, 0));
	/* One comes while another has it: two join for each that leaves, then none. */
	for (size_t had = 0, came = 3; had < COUNT(waiters); had++) {
		expect_handed(mount, waiters[had]);
		for (size_t more = 0; more < 2 && came < COUNT(waiters); more++, came++)
			waiters[came] = start_wait(mount, KEY, came);
		expect_waiters(mount, KEY, came - had - 1);
		give_on(mount, waiters[had]);
	}
	expect(-ENOENT, look(mount, KEY));
}

/* What is handed on is never free in between, so nobody who does not wait can have it. */
static void test_nobody_slips_in(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[10];
	struct answer *others[COUNT(waiters)];

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, COUNT(waiters));
	start_release(mount, KEY, &me);
	for (size_t i = 0; i < COUNT(waiters); i++) {
		others[i] = start_acquire(mount, KEY, &they, LONG_MS);
		expect_handed(mount, waiters[i]);
		expect(-EBUSY, wait_for(mount, others[i]));
		start_release(mount, KEY, &waiters[i]->acquisition.holder.claim);
	}
	expect(0, wait_for(mount, start_acquire(mount, KEY, &they, LONG_MS)));
}

static void test_keys_wait_apart(void **state)
{
	struct mount *mount = *state;
	struct answer *first, *second;

	expect(0, acquire(mount, "a", &me, LONG_MS));
	expect(0, acquire(mount, "b", &me, LONG_MS));
	first = start_wait(mount, "a", 1);
	second = start_wait(mount, "b", 2);
	expect(0, release(mount, "b", &me, 0));
	expect_handed(mount, second);
	expect_waiting(&first, 1);
	expect_waiters(mount, "a", 1);
	expect_waiters(mount, "b", 0);
	expect(0, release(mount, "a", &me, 0));
	expect_handed(mount, first);
}

static void test_a_free_lock_is_had_at_once(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire_how(mount, KEY, &me, LONG_MS, WAITS))->lock;

	assert_sound(held);
	assert_same_lock(held, see(mount, KEY));
	expect(0, release(mount, KEY, &me, held->token));
	acquire_expired(mount, KEY, &they);
	expect(0, acquire_how(mount, KEY, &me, LONG_MS, WAITS));
}

static void test_what_cannot_be_had_is_not_waited_for(void **state)
{
	struct mount *mount = *state;

	expect(0, make_dir(mount, "dir"));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect(-EISDIR, acquire_how(mount, "dir", &they, LONG_MS, WAITS));
	expect(-ENOENT, acquire_how(mount, "nowhere/job", &they, LONG_MS, WAITS));
	expect(-ENOTDIR, acquire_how(mount, KEY "/job", &they, LONG_MS, WAITS));
}

static void test_events_of_a_hand_over(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;
	struct answer *waiter = start_wait(mount, KEY, 1);

	expect(0, release(mount, KEY, &me, 0));
	expect_handed(mount, waiter);
	give_on(mount, waiter);
	expect_event_of(mount, EVENT_ACQUIRED, held);
	expect_event_of(mount, EVENT_RELEASED, held);
	expect_event_of(mount, EVENT_ACQUIRED, waiter->lock);
	expect_event_of(mount, EVENT_RELEASED, waiter->lock);
	expect(-ENOENT, force(mount, KEY));
	expect_event(mount, EVENT_FORCE_RELEASED, KEY, 0, LEASE_UNSET);
}

/* Ends that pass on */

static const struct end_way {
	const char *name;
	int64_t ttl_ms;
	int64_t refresh_ms; /* LEASE_UNSET: it is not refreshed */
	bool released;
	bool forced;
} end_ways[] = {
	{ "release", LONG_MS, LEASE_UNSET, true, false },
	{ "release of what never expires", LEASE_NEVER, LEASE_UNSET, true, false },
	{ "forced release", LONG_MS, LEASE_UNSET, false, true },
	{ "expiry", WORK_MS, LEASE_UNSET, false, false },
	{ "expiry of a lease made shorter", LONG_MS, WORK_MS, false, false },
	{ "expiry of a lease made longer", WORK_MS, 2 * WORK_MS, false, false },
};

static void test_end_passes_on(void **state)
{
	struct mount *mount = *state;
	const struct end_way *way = mount->row;
	const struct answer *held = expect(0, acquire(mount, KEY, &me, way->ttl_ms));
	struct answer *waiters[3];
	int64_t from_ns = boot_ns();
	const struct lock *lock;

	start_waits(mount, KEY, waiters, COUNT(waiters));
	expect_waiting(waiters, COUNT(waiters));
	if (way->refresh_ms)
		held = expect(0, refresh(mount, KEY, &me, held->lock->token, way->refresh_ms));
	else if (way->released)
		expect(0, release(mount, KEY, &me, 0));
	else if (way->forced)
		expect(0, force(mount, KEY));
	lock = expect_handed(mount, waiters[0]);
	assert_true(lock->token > held->lock->token);
	/* Its lease counts from when it was handed over. */
	assert_true(lock->remaining_ms > LONG_MS - 2 * HANDED_LATE_MS);
	if (!way->released && !way->forced) {
		int64_t ttl_ms = way->refresh_ms ? way->refresh_ms : way->ttl_ms;

		assert_true(waiters[0]->at_ns >= from_ns + (ttl_ms - ANSWER_MS) * NS_PER_MS);
		assert_true(waiters[0]->at_ns <= held->at_ns + (ttl_ms + HANDED_LATE_MS) * NS_PER_MS);
	}
	give_on(mount, waiters[0]);
	expect_handed_on(mount, waiters + 1, COUNT(waiters) - 1);
}

/* The first waiter is handed a lock whose lease it then lets pass. */
static void test_expiry_after_expiry(void **state)
{
	static const struct lock_claim claims[] = { { "a", NULL }, { "b", NULL }, { "c", NULL } };
	struct mount *mount = *state;
	struct answer *waiters[COUNT(claims)];
	int64_t from_ns = boot_ns();

	expect(0, acquire(mount, KEY, &me, WORK_MS));
	for (size_t i = 0; i < COUNT(claims); i++)
		waiters[i] = start_acquire_how(mount, KEY, &claims[i], WORK_MS, WAITS);
	for (size_t i = 0; i < COUNT(claims); i++) {
		expect(0, wait_for(mount, waiters[i]));
		assert_true(waiters[i]->at_ns >= from_ns + (WORK_MS - ANSWER_MS) * NS_PER_MS);
		assert_true(waiters[i]->at_ns <= from_ns + (WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
		from_ns = waiters[i]->at_ns;
	}
}

/* Who waits may have learnt of a lease that is far longer than the next holder's. */
static void test_expiry_of_a_shorter_lease_after_a_long_one(void **state)
{
	static const struct lock_claim brief = { "brief", NULL };
	struct mount *mount = *state;
	struct answer *first, *second;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	first = start_acquire_how(mount, KEY, &brief, WORK_MS, WAITS);
	second = start_wait(mount, KEY, 2);
	expect_waiters(mount, KEY, 2);
	expect(0, release(mount, KEY, &me, 0));
	expect(0, wait_for(mount, first));
	expect_handed(mount, second);
	assert_true(second->at_ns >= first->at_ns + (WORK_MS - ANSWER_MS) * NS_PER_MS);
	assert_true(second->at_ns <= first->at_ns + (WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
}

static void test_renewal_keeps_waiters_waiting(void **state)
{
	struct mount *mount = *state;
	const struct answer *held = expect(0, acquire(mount, KEY, &me, WORK_MS));
	struct answer *waiter = start_wait(mount, KEY, 1);
	char witness[32];

	for (int i = 0; i < 3; i++) {
		held = expect(0, refresh(mount, KEY, &me, held->lock->token, WORK_MS));
		snprintf(witness, sizeof(witness), "witness-%d", i);
		expect(0, acquire(mount, witness, &they, WORK_MS / 2));
		while (look(mount, witness)->status == 0)
			sleep_until(boot_ns() + NS_PER_MS);
		expect_waiting(&waiter, 1);
	}
	expect_handed(mount, waiter);
}

/* A key in a directory that may be removed as soon as the lock in it has expired. */
static void test_directory_goes(void **state)
{
	struct mount *mount = *state;
	const struct answer *held;
	struct answer *waiter;
	int status;

	expect(0, make_dir(mount, "dir"));
	held = expect(0, acquire(mount, "dir/job", &me, WORK_MS));
	waiter = start_wait(mount, "dir/job", 1);
	expect_waiters(mount, "dir/job", 1);
	expect(-ENOTEMPTY, remove_dir(mount, "dir"));
	let_pass(held);
	status = remove_dir(mount, "dir")->status;
	wait_for(mount, waiter);
	if (status == 0) {
		expect(-ENOENT, waiter);
		expect(-ENOENT, look(mount, "dir/job"));
		return;
	}
	assert_int_equal(status, -ENOTEMPTY);
	expect_handed(mount, waiter);
}

/* Whose lock it is */

static void test_anew(void **state)
{
	static const struct lock_claim other = { "id-other", "session-mine" };
	struct mount *mount = *state;
	struct answer *waiter;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;

	expect(-EEXIST, acquire_how(mount, KEY, &other, LONG_MS, WAITS));
	expect(-EBUSY, acquire_how(mount, KEY, &other, LONG_MS, ANEW));
	assert_same_lock(held, see(mount, KEY));
	waiter = start_acquire_how(mount, KEY, &other, LONG_MS, WAITS | ANEW);
	expect_waiters(mount, KEY, 1);
	expect_waiting(&waiter, 1);
	expect(0, release(mount, KEY, &me, held->token));
	assert_true(expect_handed(mount, waiter)->token > held->token);
	/* As by the identity, so by the id alone. */
	expect(-EBUSY, acquire_how(mount, KEY, &other, LONG_MS, ANEW));
	expect(0, acquire_how(mount, "b", &(struct lock_claim){ "id", NULL }, LONG_MS, ANEW));
	expect(-EBUSY, acquire_how(mount, "b", &(struct lock_claim){ "id", NULL }, LONG_MS, ANEW));
	expect(-EEXIST, acquire_how(mount, "b", &(struct lock_claim){ "id", NULL }, LONG_MS, PLAIN));
}

/* Cancelling */

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
	/* Who comes afterwards is behind those that stayed. */
	left[left_count++] = start_wait(mount, KEY, COUNT(waiters));
	expect(0, release(mount, KEY, &me, 0));
	expect_handed_on(mount, left, left_count);
}

/* Cancelled before the backend can have said anything. */
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

/* Whichever comes first counts, and the lock is not lost in between. */
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
	size_t handed;   /* how many were given the lock */
	size_t in_order; /* of these, how many came in their turn */
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

/* Static, so that what is answered late, after a failed assertion, finds it. */
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

/* Many */

static void test_many_waiters(void **state)
{
	static struct answer *waiters[MANY_WAIT];
	static struct answer *left[MANY_WAIT];
	struct mount *mount = *state;
	size_t count = 0;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	start_waits(mount, KEY, waiters, MANY_WAIT);
	expect_waiters(mount, KEY, MANY_WAIT);
	srandom(1);
	for (size_t i = 0; i < MANY_WAIT; i++) {
		if (random() % 4) {
			left[count++] = waiters[i];
			continue;
		}
		backend_cancel(mount->backend, &waiters[i]->acquisition);
		expect(-ECANCELED, wait_for(mount, waiters[i]));
	}
	expect_waiters(mount, KEY, count);
	expect(0, release(mount, KEY, &me, 0));
	for (size_t i = 0; i < count; i++) {
		expect(0, wait_for(mount, left[i]));
		if (i + 1 < count)
			expect_waiting(left + i + 1, 1);
		give_on(mount, left[i]);
	}
	expect(-ENOENT, look(mount, KEY));
}

static const struct CMUnitTest waiting_tests[] = {
	TEST(order_of_arrival),
	TEST(queue_outlives_holders),
	TEST(nobody_slips_in),
	TEST(keys_wait_apart),
	TEST(a_free_lock_is_had_at_once),
	TEST(what_cannot_be_had_is_not_waited_for),
	TEST(events_of_a_hand_over),
	TEST(expiry_after_expiry),
	TEST(expiry_of_a_shorter_lease_after_a_long_one),
	TEST(renewal_keeps_waiters_waiting),
	TEST(directory_goes),
	TEST(anew),
	TEST(cancel_at_once),
	TEST(cancel_meets_hand_over),
	TEST(close_answers_waiters),
	TEST(close_in_the_middle_of_joining),
	TEST(each_releases_at_once),
	TEST(each_queues_again_at_once),
	TEST(first_cancels_all_others),
	TEST(many_waiters),
};

static void add_waiting(void)
{
	for (size_t i = 0; i < COUNT(end_ways); i++)
		add(test_end_passes_on, &end_ways[i], "passed on by: %s", end_ways[i].name);
	for (size_t i = 0; i < COUNT(cancel_cases); i++)
		add(test_cancel_of_waiters, &cancel_cases[i], "cancelled while waiting: %s", cancel_cases[i].name);
	add_all(waiting_tests, COUNT(waiting_tests));
}

#endif
