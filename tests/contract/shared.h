/* Shared holdings and conversions on one mount. */
#ifndef TESTS_CONTRACT_SHARED_H
#define TESTS_CONTRACT_SHARED_H

#include "tests/contract/waiters.h"

/* Prepares an acquisition with a claim of its own, `reader-NUMBER`. */
static struct answer *plan_reader(struct mount *mount, size_t number, int64_t ttl_ms, unsigned int how)
{
	struct lock_holder holder = holder_of(&me);
	struct answer *answer = plan_acquire(mount, KEY, &holder, ttl_ms, how);

	if (asprintf(&answer->names, "reader-%zu", number) < 0)
		abort();
	answer->acquisition.mode = LOCK_SHARED;
	answer->acquisition.holder.claim = (struct lock_claim){ .id = answer->names };
	return answer;
}

static struct answer *start_reader(struct mount *mount, size_t number, int64_t ttl_ms, unsigned int how)
{
	return start(mount, plan_reader(mount, number, ttl_ms, how));
}

static struct answer *read_shared(struct mount *mount, size_t number, int64_t ttl_ms, unsigned int how)
{
	return wait_for(mount, start_reader(mount, number, ttl_ms, how));
}

/* Converts the holding of an answer to this mode. */
static struct answer *start_conversion(struct mount *mount, const struct answer *held, enum lock_mode mode, unsigned int how)
{
	struct answer *answer = plan_acquire(mount, KEY, &held->acquisition.holder, LONG_MS, how);

	answer->acquisition.mode = mode;
	answer->acquisition.replaces = held->lock->token;
	return start(mount, answer);
}

static struct answer *convert(struct mount *mount, const struct answer *held, enum lock_mode mode, unsigned int how)
{
	return wait_for(mount, start_conversion(mount, held, mode, how));
}

static void expect_holders(struct mount *mount, enum lock_mode mode, uint64_t holders)
{
	const struct lock *lock = see(mount, KEY);

	assert_int_equal(lock->mode, mode);
	assert_int_equal(lock->holders, holders);
}

/* Ends the holding of an answer by its claim and token. */
static void end(struct mount *mount, const struct answer *held)
{
	expect(0, release(mount, KEY, &held->acquisition.holder.claim, held->lock->token));
}

/* What is asked of the holding that `match` means, with the claim of an answer. */
static struct answer *look_as(struct mount *mount, const struct answer *held, struct holding_match match)
{
	struct answer *answer = answer_new(mount, KEY);

	backend_read_as(mount->backend, KEY, held ? &held->acquisition.holder.claim : NULL, match, on_entry_done, answer);
	return wait_for(mount, answer);
}

static void expect_seen(struct mount *mount, const struct answer *asking, struct holding_match match, const struct answer *seen)
{
	const struct lock *lock = expect(0, look_as(mount, asking, match))->lock;

	assert_int_equal(lock->token, seen->lock->token);
	assert_string_equal(lock->holder.claim.id, seen->acquisition.holder.claim.id);
}

static void test_shared_excludes_exclusive(void **state)
{
	struct mount *mount = *state;
	struct answer *first = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *second = expect(0, read_shared(mount, 2, SHORT_MS * 1000, PLAIN));

	assert_int_equal(first->lock->mode, LOCK_SHARED);
	assert_int_equal(first->lock->holders, 1);
	assert_int_equal(second->lock->holders, 2);
	assert_true(second->lock->token > first->lock->token);
	expect_holders(mount, LOCK_SHARED, 2);
	assert_int_equal(expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS))->lock->token, first->lock->token);
	end(mount, first);
	assert_int_equal(expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS))->lock->token, second->lock->token);
	end(mount, second);
	expect(0, acquire(mount, KEY, &they, LONG_MS));
	expect_holders(mount, LOCK_EXCLUSIVE, 1);
	expect(-EBUSY, read_shared(mount, 1, LONG_MS, PLAIN));
	expect(0, release(mount, KEY, &they, 0));
	expect(-ENOENT, look(mount, KEY));
}

/* Each call names a holding by its token, or by the claim the oldest one. */
static void test_calls_mean_one_of_several_holdings(void **state)
{
	struct mount *mount = *state;
	struct answer *oldest = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *mine = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	struct answer *more = expect(0, read_shared(mount, 2, LONG_MS, ANEW));
	struct answer *foreign = expect(0, read_shared(mount, 3, LONG_MS, PLAIN));
	const struct lock_claim *claim = &mine->acquisition.holder.claim;

	assert_int_equal(expect(-EEXIST, read_shared(mount, 2, LONG_MS, PLAIN))->lock->token, mine->lock->token);
	expect_seen(mount, NULL, match_any(), oldest);
	expect_seen(mount, mine, match_any(), mine);
	expect_seen(mount, mine, match_token(foreign->lock->token), foreign);
	expect_seen(mount, mine, match_token(1), mine);
	expect_seen(mount, NULL, match_token(1), oldest);
	assert_int_equal(expect(0, refresh(mount, KEY, claim, 0, 2 * LONG_MS))->lock->token, mine->lock->token);
	assert_int_equal(expect(0, refresh(mount, KEY, claim, more->lock->token, 3 * LONG_MS))->lock->ttl_ms, 3 * LONG_MS);
	expect(-EPERM, refresh(mount, KEY, claim, foreign->lock->token, LONG_MS));
	expect(-EPERM, release(mount, KEY, claim, foreign->lock->token));
	expect(-EPERM, release(mount, KEY, &they, 0));
	expect(-ENOENT, release(mount, KEY, claim, 1));
	expect_holders(mount, LOCK_SHARED, 4);
	expect(0, release(mount, KEY, claim, 0));
	expect_seen(mount, more, match_any(), more);
	expect(0, release(mount, KEY, claim, 0));
	expect(-EPERM, release(mount, KEY, claim, 0));
	expect(0, release(mount, KEY, NULL, foreign->lock->token));
	expect_holders(mount, LOCK_SHARED, 1);
	expect_seen(mount, mine, match_any(), oldest);
	end(mount, oldest);
	expect(-ENOENT, look(mount, KEY));
}

static void test_forced_release_ends_all_shared_holdings(void **state)
{
	struct mount *mount = *state;

	for (size_t i = 0; i < 20; i++)
		expect(0, read_shared(mount, i, LONG_MS, i % 2 ? BOUND : PLAIN));
	expect(0, force(mount, KEY));
	expect(-ENOENT, look(mount, KEY));
	expect(-ENOENT, force(mount, KEY));
}

/* Content is written by exclusive holders, and stays while the lock has any holding. */
static void test_content_of_a_shared_lock(void **state)
{
	struct mount *mount = *state;
	struct answer *held = plan_reader(mount, 1, LONG_MS, PLAIN);
	struct answer *other;

	held->acquisition.mode = LOCK_EXCLUSIVE;
	expect(0, wait_for(mount, start(mount, held)));
	expect(0, store(mount, KEY, held->lock->token, 0, "words", 5));
	held = expect(0, convert(mount, held, LOCK_SHARED, PLAIN));
	assert_content(held->lock, "words", 5);
	other = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	assert_content(other->lock, "words", 5);
	expect(-EBUSY, store(mount, KEY, held->lock->token, 0, "more", 4));
	expect(-EBUSY, cut(mount, KEY, &held->acquisition.holder.claim, held->lock->token, 0));
	end(mount, held);
	assert_content(see(mount, KEY), "words", 5);
	other = expect(0, convert(mount, other, LOCK_EXCLUSIVE, PLAIN));
	assert_content(other->lock, "words", 5);
	expect(0, store(mount, KEY, other->lock->token, 0, "W", 1));
	assert_content(see(mount, KEY), "Words", 5);
	end(mount, other);
	other = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	assert_content(see(mount, KEY), "", 0);
	end(mount, other);
}

static void test_conversions(void **state)
{
	struct mount *mount = *state;
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *before = held;
	struct answer *other;

	expect(-EINVAL, convert(mount, held, LOCK_SHARED, PLAIN));
	held = expect(0, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	assert_true(held->lock->token > before->lock->token);
	assert_int_equal(held->lock->mode, LOCK_EXCLUSIVE);
	assert_same_holder(&held->lock->holder, &before->lock->holder);
	expect_event_of(mount, EVENT_ACQUIRED, before->lock);
	expect_event_of(mount, EVENT_RELEASED, before->lock);
	expect_event_of(mount, EVENT_ACQUIRED, held->lock);
	expect(-ENOENT, convert(mount, before, LOCK_EXCLUSIVE, PLAIN));
	expect(-EINVAL, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	before = held;
	held = expect(0, convert(mount, held, LOCK_SHARED, PLAIN));
	assert_same_holder(&held->lock->holder, &before->lock->holder);
	other = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	expect(-EBUSY, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	/* An answer that says "no" changes nothing. */
	expect_holders(mount, LOCK_SHARED, 2);
	expect_seen(mount, held, match_any(), held);
	other->acquisition.holder.claim.id = "another";
	expect(-EPERM, convert(mount, other, LOCK_EXCLUSIVE, PLAIN));
	other->acquisition.holder.claim.id = other->names;
	end(mount, other);
	end(mount, held);
	expect(-ENOENT, look(mount, KEY));
	expect(-ENOENT, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
}

/* A conversion is served before all others, keeps its holding until then, and two of them would wait for ever. */
static void test_waiting_conversions(void **state)
{
	struct mount *mount = *state;
	struct answer *first = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *second = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	struct answer *writer = start_wait(mount, KEY, 1);
	struct answer *conversion;

	expect_waiters(mount, KEY, 1);
	conversion = start_conversion(mount, first, LOCK_EXCLUSIVE, WAITS);
	expect_waiters(mount, KEY, 2);
	expect(-EDEADLK, convert(mount, second, LOCK_EXCLUSIVE, WAITS));
	expect_holders(mount, LOCK_SHARED, 2);
	expect(0, refresh(mount, KEY, &first->acquisition.holder.claim, first->lock->token, LONG_MS));
	end(mount, second);
	expect(0, wait_for(mount, conversion));
	expect_waiting(&writer, 1);
	end(mount, conversion);
	expect_handed(mount, writer);
	give_on(mount, writer);
}

/* A conversion that gives up keeps its holding; one whose holding ends is told. */
static void test_conversions_that_end_before(void **state)
{
	struct mount *mount = *state;
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *other = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	struct answer *conversion = start_conversion(mount, held, LOCK_EXCLUSIVE, WAITS);
	struct answer *reader;

	expect_waiters(mount, KEY, 1);
	reader = start_reader(mount, 3, LONG_MS, WAITS);
	expect_waiters(mount, KEY, 2);
	backend_cancel(mount->backend, &conversion->acquisition);
	expect(-ECANCELED, wait_for(mount, conversion));
	/* Nobody is in front of the reader any more. */
	expect(0, wait_for(mount, reader));
	expect_holders(mount, LOCK_SHARED, 3);
	conversion = start_conversion(mount, held, LOCK_EXCLUSIVE, WAITS);
	expect_waiters(mount, KEY, 1);
	end(mount, held);
	expect(-ENOENT, wait_for(mount, conversion));
	end(mount, reader);
	end(mount, other);
	expect(-ENOENT, look(mount, KEY));
}

/* Readers do not pass a writer that waits, but they pass together once it has had the lock, or gives up. */
static void test_order_of_readers_and_writers(void **state)
{
	struct mount *mount = *state;
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *writer = start_wait(mount, KEY, 1);
	struct answer *readers[3], *quitter, *last;

	for (size_t i = 0; i < COUNT(readers); i++)
		readers[i] = start_reader(mount, 10 + i, LONG_MS, WAITS);
	quitter = start_wait(mount, KEY, 2);
	last = start_reader(mount, 20, LONG_MS, WAITS);
	expect_waiters(mount, KEY, 6);
	expect(-EBUSY, read_shared(mount, 2, LONG_MS, PLAIN));
	expect_waiting(readers, COUNT(readers));
	end(mount, held);
	expect_handed(mount, writer);
	expect_waiting(readers, COUNT(readers));
	give_on(mount, writer);
	for (size_t i = 0; i < COUNT(readers); i++)
		expect(0, wait_for(mount, readers[i]));
	expect_holders(mount, LOCK_SHARED, COUNT(readers));
	expect_waiting(&last, 1);
	backend_cancel(mount->backend, &quitter->acquisition);
	expect(-ECANCELED, wait_for(mount, quitter));
	expect(0, wait_for(mount, last));
	expect_holders(mount, LOCK_SHARED, COUNT(readers) + 1);
	end(mount, last);
	for (size_t i = 0; i < COUNT(readers); i++)
		end(mount, readers[i]);
	expect(-ENOENT, look(mount, KEY));
}

/* The expiry of each reader is an event, though the server publishes none. */
static void test_expiry_of_each_reader_is_told(void **state)
{
	struct mount *mount = *state;
	struct answer *readers[3], *last;

	for (size_t i = 0; i < COUNT(readers); i++) {
		readers[i] = expect(0, read_shared(mount, i, WORK_MS, PLAIN));
		expect_event_of(mount, EVENT_ACQUIRED, readers[i]->lock);
	}
	last = expect(0, read_shared(mount, 9, LONG_MS, PLAIN));
	expect_event_of(mount, EVENT_ACQUIRED, last->lock);
	for (size_t i = 0; i < COUNT(readers); i++)
		expect_event_of(mount, EVENT_EXPIRED, readers[i]->lock);
	expect_holders(mount, LOCK_SHARED, 1);
	last = expect(0, convert(mount, last, LOCK_EXCLUSIVE, PLAIN));
	assert_int_equal(next_event(mount)->kind, EVENT_RELEASED);
	expect_event_of(mount, EVENT_ACQUIRED, last->lock);
	end(mount, last);
	expect_event_of(mount, EVENT_RELEASED, last->lock);
}

/* An acquisition that nobody took ends alone, and a conversion with the holding that it replaced. */
static void test_giving_back_shared_holdings(void **state)
{
	struct mount *mount = *state;
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *given = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));

	backend_give_back(mount->backend, KEY, given->lock->token);
	expect_holders(mount, LOCK_SHARED, 1);
	assert_int_equal(see(mount, KEY)->token, held->lock->token);
	given = expect(0, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	expect(0, refresh(mount, KEY, &held->acquisition.holder.claim, given->lock->token, LEASE_UNSET));
	/* Its holder was told, so it stays. */
	backend_give_back(mount->backend, KEY, given->lock->token);
	expect_holders(mount, LOCK_EXCLUSIVE, 1);
	assert_int_equal(see(mount, KEY)->token, given->lock->token);
	held = given;
	given = expect(0, convert(mount, held, LOCK_SHARED, PLAIN));
	backend_give_back(mount->backend, KEY, given->lock->token);
	expect(-ENOENT, look(mount, KEY));
}

/* Calls that are under way at a time in the test below. */
#define AT_A_TIME 500

/* A lock may have very many readers. The writer has it as soon as the last of them ends, and not before. */
static void test_very_many_readers(void **state)
{
	static struct answer *readers[5000];
	struct mount *mount = *state;
	uint64_t last_token = 0;
	struct answer *writer;

	for (size_t i = 0; i < COUNT(readers); i++) {
		readers[i] = start_reader(mount, i, LONG_MS, PLAIN);
		if (i % AT_A_TIME == AT_A_TIME - 1)
			wait_for(mount, readers[i]);
	}
	for (size_t i = 0; i < COUNT(readers); i++) {
		const struct lock *lock = expect(0, wait_for(mount, readers[i]))->lock;

		assert_true(lock->token > last_token);
		assert_int_equal(lock->holders, i + 1);
		last_token = lock->token;
	}
	writer = start_wait(mount, KEY, 1);
	expect_waiters(mount, KEY, 1);
	expect(-EBUSY, read_shared(mount, COUNT(readers), LONG_MS, PLAIN));
	expect_holders(mount, LOCK_SHARED, COUNT(readers));
	expect_seen(mount, readers[COUNT(readers) - 1], match_any(), readers[COUNT(readers) - 1]);
	/* The oldest but one ends last, so that neither end of the list does. */
	for (size_t i = 0; i < COUNT(readers); i++)
		if (i != 1)
			end(mount, readers[i]);
	expect_waiting(&writer, 1);
	expect_holders(mount, LOCK_SHARED, 1);
	assert_int_equal(see(mount, KEY)->token, readers[1]->lock->token);
	end(mount, readers[1]);
	assert_true(expect_handed(mount, writer)->token > last_token);
	give_on(mount, writer);
	expect(-ENOENT, look(mount, KEY));
}

static const struct CMUnitTest shared_tests[] = {
	TEST(shared_excludes_exclusive),
	TEST(calls_mean_one_of_several_holdings),
	TEST(forced_release_ends_all_shared_holdings),
	TEST(content_of_a_shared_lock),
	TEST(conversions),
	TEST(waiting_conversions),
	TEST(conversions_that_end_before),
	TEST(order_of_readers_and_writers),
	TEST(expiry_of_each_reader_is_told),
	TEST(giving_back_shared_holdings),
	TEST(very_many_readers),
};

#endif
