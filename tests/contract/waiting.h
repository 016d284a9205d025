/* Waiting: queues, and how a key passes from holder to holder. */
#ifndef TESTS_CONTRACT_WAITING_H
#define TESTS_CONTRACT_WAITING_H

#include "tests/contract/waiters.h"

#define MANY_WAIT 1000

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

/* A key that passes to a waiter is never free in between, so an acquisition that does not wait cannot get it. */
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

/* The first waiter is granted the lock, and lets its lease end. */
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

/* A waiter may know a lease that is far longer than the next holder's. */
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

/* Claims of waiters */

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
	TEST(many_waiters),
};

static void add_waiting(void)
{
	for (size_t i = 0; i < COUNT(end_ways); i++)
		add(test_end_passes_on, &end_ways[i], "passed on by: %s", end_ways[i].name);
	add_all(waiting_tests, COUNT(waiting_tests));
}

#endif
