/* Leases: how they count, are refreshed, and end. */
#ifndef TESTS_CONTRACT_LEASES_H
#define TESTS_CONTRACT_LEASES_H

#include "tests/contract/binding.h"

#define EARLY_MS 1    /* how early a lease may end, and how late its end may be seen and reported */
#define LATE_MS 25
#define TOLD_LATE_MS 300


static void test_refresh_to_shorter(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;
	const struct lock *seen;

	expect(0, refresh(mount, KEY, &me, held->token, 1000));
	seen = see(mount, KEY);
	assert_int_equal(seen->ttl_ms, 1000);
	assert_true(seen->expires_ms < held->expires_ms);
	expect(0, refresh(mount, KEY, &me, held->token, SHORT_MS));
	expect_event(mount, EVENT_ACQUIRED, KEY, held->token, LONG_MS);
	expect_event(mount, EVENT_REFRESHED, KEY, held->token, 1000);
	expect_event(mount, EVENT_REFRESHED, KEY, held->token, SHORT_MS);
	expect_event(mount, EVENT_EXPIRED, KEY, held->token, SHORT_MS);
	expect(-ENOENT, look(mount, KEY));
}

/* Waits until a lease that began now is over. No other event may come meanwhile. */
static void watch_lease(struct mount *mount, int64_t ttl_ms)
{
	const struct lock *witness = expect(0, acquire(mount, "witness", &they, ttl_ms))->lock;

	expect_event_of(mount, EVENT_ACQUIRED, witness);
	expect_event_of(mount, EVENT_EXPIRED, witness);
}

static void test_refresh_to_longer(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, WORK_MS))->lock;

	expect(0, refresh(mount, KEY, &me, 0, LONG_MS));
	expect_event_of(mount, EVENT_ACQUIRED, held);
	expect_event(mount, EVENT_REFRESHED, KEY, held->token, LONG_MS);
	assert_true(see(mount, KEY)->remaining_ms > LONG_MS / 2);
	watch_lease(mount, WORK_MS);
	assert_same_holding(held, see(mount, KEY));
}

static void test_refresh_counts_anew(void **state)
{
	const int64_t ttl_ms = 20 * SHORT_MS;
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, ttl_ms))->lock;
	const struct lock *worn = held;
	const struct lock *seen;

	while (worn->remaining_ms > ttl_ms - SHORT_MS) {
		sleep_until(boot_ns() + NS_PER_MS);
		worn = see(mount, KEY);
	}
	expect(0, refresh(mount, KEY, &me, 0, LEASE_UNSET));
	seen = see(mount, KEY);
	assert_same_holding(held, seen);
	assert_int_equal(seen->ttl_ms, ttl_ms);
	assert_true(seen->remaining_ms > worn->remaining_ms);
	assert_true(seen->expires_ms > worn->expires_ms);
	assert_true(seen->refreshed_ms >= seen->acquired_ms + SHORT_MS - ROUNDING_MS);
}

/* A refresh with LEASE_UNSET takes the lease of the last refresh, not that of the acquisition. */
static void test_refresh_keeps_its_own_ttl(void **state)
{
	struct mount *mount = *state;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect(0, refresh(mount, KEY, &me, 0, 2 * LONG_MS));
	expect(0, refresh(mount, KEY, &me, 0, LEASE_UNSET));
	assert_int_equal(see(mount, KEY)->ttl_ms, 2 * LONG_MS);
}

static void test_never_expiring_gets_no_lease(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LEASE_NEVER))->lock;

	expect(-EBUSY, acquire(mount, KEY, &they, SHORT_MS));
	expect(-EEXIST, acquire(mount, KEY, &me, SHORT_MS));
	expect(-EPERM, refresh(mount, KEY, &they, 0, SHORT_MS));
	expect(-ENOTSUP, refresh(mount, KEY, &me, 0, SHORT_MS));
	expect_event_of(mount, EVENT_ACQUIRED, held);
	expect_event_of(mount, EVENT_UNAVAILABLE, held);
	expect_event_of(mount, EVENT_FAILED_REFRESH, held);
	expect_event_of(mount, EVENT_FAILED_REFRESH, held);
	watch_lease(mount, SHORT_MS);
	assert_same_lock(held, see(mount, KEY));
}

static void test_refused_calls_extend_nothing(void **state)
{
	struct mount *mount = *state;
	const struct answer *held = expect(0, acquire(mount, KEY, &me, WORK_MS));

	expect(-EPERM, refresh(mount, KEY, &they, 0, LONG_MS));
	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect(-EEXIST, acquire(mount, KEY, &me, LONG_MS));
	let_pass(held);
	expect(-ENOENT, look(mount, KEY));
}

/* A mount that refuses a refresh by itself publishes that, also if another holds the lock then. */
static void test_events_of_told_refusals(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;

	backend_publish(mount->backend, EVENT_FAILED_REFRESH, KEY, match_any());
	expect_event_of(mount, EVENT_ACQUIRED, held);
	expect_event_of(mount, EVENT_FAILED_REFRESH, held);
	expect(0, release(mount, KEY, &me, 0));
	backend_publish(mount->backend, EVENT_UNAVAILABLE, KEY, match_any());
	backend_publish(mount->backend, EVENT_FAILED_REFRESH, KEY, match_any());
	expect_event_of(mount, EVENT_RELEASED, held);
	expect_event(mount, EVENT_FAILED_REFRESH, KEY, 0, LEASE_UNSET);
}

static void test_longest_lease(void **state)
{
	struct mount *mount = *state;

	expect(0, acquire(mount, KEY, &me, LEASE_MAX_MS));
	assert_true(see(mount, KEY)->remaining_ms > LEASE_MAX_MS - LONG_MS);
	expect(0, refresh(mount, KEY, &me, 0, LEASE_MAX_MS));
	assert_true(see(mount, KEY)->remaining_ms > LEASE_MAX_MS - LONG_MS);
	expect(0, release(mount, KEY, &me, 0));
}

/* If the answer takes longer than the lease, any answer is right, but no lock may stay. */
static void test_shortest_lease(void **state)
{
	struct mount *mount = *state;

	sleep_until(acquire(mount, KEY, &me, LEASE_MIN_MS)->at_ns + (LEASE_MIN_MS + ROUNDING_MS) * NS_PER_MS);
	expect(-ENOENT, look(mount, KEY));
}

/* A lease that is over before the answer is complete is that short, too. */
static void test_shortest_lease_again_and_again(void **state)
{
	struct mount *mount = *state;

	for (int i = 0; i < 1500; i++) {
		char key[16];
		const struct answer *answer;

		snprintf(key, sizeof(key), "job%d", i);
		answer = acquire(mount, key, &me, i % 2 ? LONG_MS : LEASE_MIN_MS);
		if (i % 2)
			answer = refresh(mount, key, &me, 0, LEASE_MIN_MS);
		if (answer->status == 0)
			assert_in_range(answer->lock->remaining_ms, 0, LEASE_MIN_MS);
		else
			assert_int_equal(answer->status, i % 2 ? -ENOENT : -ETIMEDOUT);
	}
}

/*
 * A lease ends neither before its time nor long after, whoever reads it. The remaining time
 * only shrinks, except by the time that the answer before took, which was subtracted.
 */
static void test_expiry_is_seen_in_time(void **state)
{
	const int64_t ttl_ms = 60;
	struct mount *mount = *state;
	int64_t sent_ns = boot_ns();
	struct answer *held = expect(0, acquire(mount, KEY, &me, ttl_ms));
	struct answer *seen = held;
	int64_t most_ms = ttl_ms;
	int64_t asked_ns = sent_ns;

	do {
		assert_sound(seen->lock);
		assert_true(seen->lock->remaining_ms <= most_ms);
		most_ms = seen->lock->remaining_ms + (seen->at_ns - asked_ns) / NS_PER_MS + 1;
		assert_true(asked_ns <= held->at_ns + (ttl_ms + LATE_MS) * NS_PER_MS);
		sleep_until(boot_ns() + NS_PER_MS / 5);
		asked_ns = boot_ns();
		seen = look(mount, KEY);
	} while (seen->status == 0);
	expect(-ENOENT, seen);
	assert_true(seen->at_ns >= sent_ns + (ttl_ms - EARLY_MS) * NS_PER_MS);
}

static void test_expiry_is_told_in_time(void **state)
{
	const int64_t ttl_ms = 60;
	struct mount *mount = *state;
	int64_t sent_ns = boot_ns();
	const struct answer *held = expect(0, acquire(mount, KEY, &me, ttl_ms));
	const struct heard_event *told;

	expect_event_of(mount, EVENT_ACQUIRED, held->lock);
	told = expect_event(mount, EVENT_EXPIRED, KEY, held->lock->token, ttl_ms);
	assert_true(told->at_ns >= sent_ns + (ttl_ms - EARLY_MS) * NS_PER_MS);
	assert_true(told->at_ns <= held->at_ns + (ttl_ms + TOLD_LATE_MS) * NS_PER_MS);
	/* The end is reported once: the next event of the key is about what happens next. */
	expect(-ENOENT, force(mount, KEY));
	expect_event(mount, EVENT_FORCE_RELEASED, KEY, 0, LEASE_UNSET);
}

/* Many locks */

#define MANY 10000
#define MANY_AT_ONCE 250 /* of which each is answered before its lease ends, also by a busy server */
#define MANY_MIN_MS 3000 /* long enough to hold all of them before the first ends, if nobody else is busy */
#define MANY_MAX_MS 4000

struct many {
	struct answer *held[MANY];
	int64_t sent_ns[MANY];
	int64_t heard_ns[MANY]; /* time of the event of each acquisition */
	bool ended[MANY];
};

static int compare_tokens(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void check_tokens_differ(const struct many *many)
{
	uint64_t *tokens = need(calloc(MANY, sizeof(*tokens)));
	size_t same = 0;

	for (size_t i = 0; i < MANY; i++)
		tokens[i] = many->held[i]->lock->token;
	qsort(tokens, MANY, sizeof(*tokens), compare_tokens);
	for (size_t i = 1; i < MANY; i++)
		same += tokens[i] == tokens[i - 1];
	free(tokens);
	assert_int_equal(same, 0);
}

static void acquire_many(struct mount *mount, struct many *many)
{
	char key[16];

	srandom(1);
	for (size_t i = 0; i < MANY; i++) {
		if (i >= MANY_AT_ONCE)
			expect(0, wait_for(mount, many->held[i - MANY_AT_ONCE]));
		snprintf(key, sizeof(key), "lock-%zu", i);
		many->sent_ns[i] = boot_ns();
		many->held[i] = start_acquire(mount, key, &me,
			MANY_MIN_MS + random() % (MANY_MAX_MS - MANY_MIN_MS));
	}
	for (size_t i = MANY - MANY_AT_ONCE; i < MANY; i++)
		expect(0, wait_for(mount, many->held[i]));
}

/* Returns the index of the lock that an event is about. */
static size_t find_told(const struct many *many, const struct heard_event *told)
{
	size_t which = strtoul(told->key + strlen("lock-"), NULL, 10);

	assert_true(which < MANY);
	assert_int_equal(told->token, many->held[which]->lock->token);
	return which;
}

/* Returns the index of the next lock that ended. Events before that are acquisitions, each once. */
static size_t next_end(struct mount *mount, struct many *many)
{
	const struct heard_event *told;
	size_t which;

	while ((told = next_event(mount))->kind == EVENT_ACQUIRED) {
		which = find_told(many, told);
		assert_int_equal(many->heard_ns[which], 0);
		many->heard_ns[which] = told->at_ns;
	}
	which = find_told(many, told);
	assert_int_equal(told->kind, EVENT_EXPIRED);
	assert_true(many->heard_ns[which]);
	assert_false(many->ended[which]);
	many->ended[which] = true;
	assert_true(told->at_ns >= many->sent_ns[which] + (many->held[which]->lock->ttl_ms - EARLY_MS) * NS_PER_MS);
	return which;
}

/*
 * Each lock ends once, by its lease, not before it, and about in order of time. A backend
 * may count a lease from the event of its beginning, so it reports the end later by that delay.
 */
static void expect_many_expired(struct mount *mount, struct many *many)
{
	int64_t latest_ms = 0;

	for (size_t i = 0; i < MANY; i++) {
		size_t which = next_end(mount, many);
		const struct lock *lock = many->held[which]->lock;
		int64_t heard_late_ms = (many->heard_ns[which] - many->sent_ns[which]) / NS_PER_MS;

		assert_true(lock->expires_ms + heard_late_ms + TOLD_LATE_MS >= latest_ms);
		if (lock->expires_ms > latest_ms)
			latest_ms = lock->expires_ms;
	}
}

static void test_many_locks(void **state)
{
	static struct many many; /* static, so that a failing assertion leaks nothing */
	struct mount *mount = *state;

	many = (struct many){ 0 };
	acquire_many(mount, &many);
	check_tokens_differ(&many);
	expect_many_expired(mount, &many);
	assert_string_equal(expect(0, list(mount, ""))->names, "");
	assert_int_equal(mount->event_count, 2 * MANY);
}

/* Token 0, as of a handle that holds nothing, must not mean the lock that happens to be there. */
static void test_no_token_is_no_holding(void **state)
{
	struct mount *mount = *state;
	const struct lock *held = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;
	const struct holding_match none = match_token(0);

	expect(-ENOENT, refresh_match(mount, KEY, &me, none, LONG_MS));
	expect(-ENOENT, cut_match(mount, KEY, &me, none, 1));
	expect(-ENOENT, release_match(mount, KEY, &me, none));
	expect(-ENOENT, release_match(mount, KEY, NULL, none));
	assert_same_holding(held, see(mount, KEY));
	expect(0, release_match(mount, KEY, NULL, match_any()));
}

static struct answer *refresh_at(struct mount *mount, int64_t modified_ms)
{
	struct answer *answer = answer_new(mount, KEY);

	backend_refresh(mount->backend, KEY, &me, match_any(), LEASE_UNSET, modified_ms, on_lock_done, answer);
	return wait_for(mount, answer);
}

/* A time that the holder gives is shown until the next refresh, by whatever call. */
static void test_given_times(void **state)
{
	static const int64_t given[] = { 0, 1, -1, INT64_C(-2208988800000), INT64_C(16725225600999), INT64_MAX, INT64_MIN + 1 };
	struct mount *mount = *state;
	const struct lock *lock = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock;

	assert_int_equal(lock->modified_ms, lock->refreshed_ms);
	for (size_t i = 0; i < COUNT(given); i++) {
		lock = expect(0, refresh_at(mount, given[i]))->lock;
		assert_true(lock->modified_ms == given[i]);
		assert_true(lock->refreshed_ms >= lock->acquired_ms);
		lock = see(mount, KEY);
		assert_true(lock->modified_ms == given[i]);
		assert_int_equal(lock->ttl_ms, LONG_MS);
	}
	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect(-EPERM, refresh(mount, KEY, &they, 0, LEASE_UNSET));
	assert_true(see(mount, KEY)->modified_ms == given[COUNT(given) - 1]);
	expect(0, refresh(mount, KEY, &me, 0, LEASE_UNSET));
	lock = see(mount, KEY);
	assert_int_equal(lock->modified_ms, lock->refreshed_ms);
	lock = expect(0, refresh_at(mount, 1))->lock;
	expect(0, bind_to_file(mount, KEY, &me, lock->token));
	lock = see(mount, KEY);
	assert_int_equal(lock->modified_ms, lock->refreshed_ms);
	expect(0, refresh_at(mount, 1));
	expect(0, release(mount, KEY, &me, 0));
	lock = expect(0, acquire(mount, KEY, &they, LONG_MS))->lock;
	assert_int_equal(lock->modified_ms, lock->refreshed_ms);
}

static const struct CMUnitTest lease_tests[] = {
	TEST(given_times),
	TEST(no_token_is_no_holding),
	TEST(refresh_to_shorter),
	TEST(refresh_to_longer),
	TEST(refresh_counts_anew),
	TEST(refresh_keeps_its_own_ttl),
	TEST(never_expiring_gets_no_lease),
	TEST(refused_calls_extend_nothing),
	TEST(events_of_told_refusals),
	TEST(longest_lease),
	TEST(shortest_lease),
	TEST(shortest_lease_again_and_again),
	TEST(expiry_is_seen_in_time),
	TEST(expiry_is_told_in_time),
	TEST(many_locks),
};

#endif
