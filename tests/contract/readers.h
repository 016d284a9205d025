/* Shared holdings and conversions on two mounts of one namespace, if the backend can share one. */
#ifndef TESTS_CONTRACT_READERS_H
#define TESTS_CONTRACT_READERS_H

#include "tests/contract/shared.h"
#include "tests/contract/sharing.h"

static void test_readers_of_two_mounts(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *here = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *there = expect(0, read_shared(other, 2, LONG_MS, PLAIN));

	expect_holders(mount, LOCK_SHARED, 2);
	assert_int_equal(see(other, KEY)->token, here->lock->token);
	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect(-EBUSY, acquire(other, KEY, &me, LONG_MS));
	end(mount, here);
	expect_holders(mount, LOCK_SHARED, 1);
	assert_int_equal(see(mount, KEY)->token, there->lock->token);
	end(mount, there);
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* Readers next to each other are served together, on all mounts; a writer between them separates them. */
static void test_readers_are_served_together(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct mount *const mounts[] = { mount, other };
	struct answer *readers[120], *late[2], *writer;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	for (size_t i = 0; i < COUNT(readers); i++)
		readers[i] = start_reader(mounts[i % 2], i, LONG_MS, WAITS);
	expect_waiters(mount, KEY, COUNT(readers) / 2);
	expect_waiters(other, KEY, COUNT(readers));
	writer = start_wait(other, KEY, 1);
	expect_waiters(other, KEY, COUNT(readers) + 1);
	for (size_t i = 0; i < COUNT(late); i++)
		late[i] = start_reader(mounts[i], 1000 + i, LONG_MS, WAITS);
	expect_waiters(mount, KEY, COUNT(readers) + 2);
	expect_waiters(other, KEY, COUNT(readers) + 3);
	expect(0, release(mount, KEY, &me, 0));
	for (size_t i = 0; i < COUNT(readers); i++) {
		await_both(mount, other, is_answered, readers[i], "a reader");
		/* The whole lease, which begins when the mount confirms the grant. */
		assert_true(expect(0, readers[i])->lock->remaining_ms > LONG_MS - WORK_MS);
	}
	expect_holders(mount, LOCK_SHARED, COUNT(readers));
	expect_waiting(&writer, 1);
	expect_waiting(late, COUNT(late));
	expect(-EBUSY, read_shared(mount, 2000, LONG_MS, PLAIN));
	for (size_t i = 0; i < COUNT(readers); i++)
		end(mounts[i % 2], readers[i]);
	await_both(mount, other, is_answered, writer, "the writer");
	expect_handed(other, writer);
	expect_waiting(late, COUNT(late));
	give_on(other, writer);
	for (size_t i = 0; i < COUNT(late); i++) {
		await_both(mount, other, is_answered, late[i], "a late reader");
		expect(0, late[i]);
	}
	expect_holders(mount, LOCK_SHARED, COUNT(late));
	end(mount, late[0]);
	end(other, late[1]);
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* Nobody is told that leases end, so a writer asks when the last one ends, whichever began first. */
static void test_writer_is_served_when_the_last_lease_ends(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	int64_t from_ns = expect(0, read_shared(other, 1, 2 * WORK_MS, PLAIN))->at_ns;
	struct answer *writer;

	expect(0, read_shared(other, 2, WORK_MS, PLAIN));
	mount_leave(other);
	writer = start_wait(mount, KEY, 1);
	expect_handed(mount, writer);
	assert_true(writer->at_ns >= from_ns + (2 * WORK_MS - ANSWER_MS) * NS_PER_MS);
	assert_true(writer->at_ns <= from_ns + (2 * WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	give_on(mount, writer);
}

/* A reader whose lease would have ended last releases its own, so the lock ends earlier than the writer was told. */
static void test_writer_is_told_of_an_earlier_end(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *last = expect(0, read_shared(other, 1, LONG_MS, PLAIN));
	int64_t from_ns = expect(0, read_shared(other, 2, 2 * WORK_MS, PLAIN))->at_ns;
	struct answer *writer = start_wait(mount, KEY, 1);

	expect_waiters(mount, KEY, 1);
	end(other, last);
	mount_leave(other);
	expect_handed(mount, writer);
	assert_true(writer->at_ns <= from_ns + (2 * WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	give_on(mount, writer);
}

/* A conversion waits for the others alone, and its own lease goes on. */
static void test_conversion_is_served_when_the_others_leases_end(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	int64_t from_ns = expect(0, read_shared(other, 2, 2 * WORK_MS, PLAIN))->at_ns;
	struct answer *conversion, *behind;

	mount_leave(other);
	behind = start_wait(mount, KEY, 1);
	expect_waiters(mount, KEY, 1);
	expect(-EBUSY, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	conversion = start_conversion(mount, held, LOCK_EXCLUSIVE, WAITS);
	expect_waiters(mount, KEY, 2);
	expect(0, wait_for(mount, conversion));
	assert_true(conversion->at_ns >= from_ns + (2 * WORK_MS - ANSWER_MS) * NS_PER_MS);
	assert_true(conversion->at_ns <= from_ns + (2 * WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	assert_true(conversion->lock->token > held->lock->token);
	expect_holders(mount, LOCK_EXCLUSIVE, 1);
	expect_waiting(&behind, 1);
	end(mount, conversion);
	expect_handed(mount, behind);
	give_on(mount, behind);
}

static void test_conversion_over_two_mounts(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *here = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *there = expect(0, read_shared(other, 2, LONG_MS, PLAIN));
	struct answer *conversion = start_conversion(mount, here, LOCK_EXCLUSIVE, WAITS);
	struct answer *reader;

	expect_waiters(mount, KEY, 1);
	expect(-EDEADLK, convert(other, there, LOCK_EXCLUSIVE, WAITS));
	expect(-EBUSY, convert(other, there, LOCK_EXCLUSIVE, PLAIN));
	expect(-EINVAL, convert(other, there, LOCK_SHARED, PLAIN));
	expect_holders(mount, LOCK_SHARED, 2);
	reader = start_reader(other, 3, LONG_MS, WAITS);
	expect_waiters(other, KEY, 2);
	end(other, there);
	await_both(mount, other, is_answered, conversion, "the conversion");
	expect(0, conversion);
	expect(-ENOENT, convert(mount, here, LOCK_EXCLUSIVE, PLAIN));
	expect(0, store(mount, KEY, conversion->lock->token, 0, "text", 4));
	expect_waiting(&reader, 1);
	/* Back to shared, which serves the reader; the content stays. */
	conversion = expect(0, convert(mount, conversion, LOCK_SHARED, PLAIN));
	assert_content(conversion->lock, "text", 4);
	await_both(mount, other, is_answered, reader, "the reader");
	expect(0, reader);
	assert_content(reader->lock, "text", 4);
	expect_holders(mount, LOCK_SHARED, 2);
	expect(-EBUSY, store(mount, KEY, conversion->lock->token, 0, "text", 4));
	end(mount, conversion);
	assert_content(see(other, KEY), "text", 4);
	end(other, reader);
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* A writer that gives up, and the tickets of a mount that is gone, block no reader. */
static void test_readers_pass_who_gives_up(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	struct answer *writer = start_wait(other, KEY, 1);
	struct answer *reader;
	int64_t from_ns;

	expect_waiters(other, KEY, 1);
	reader = start_reader(mount, 2, LONG_MS, WAITS);
	expect_waiters(mount, KEY, 2);
	backend_cancel(other->backend, &writer->acquisition);
	await_both(mount, other, is_answered, reader, "the reader behind the writer");
	expect(0, reader);
	end(mount, reader);
	start_wait(other, KEY, 2);
	expect_waiters(other, KEY, 1);
	reader = start_reader(mount, 3, LONG_MS, WAITS);
	expect_waiters(mount, KEY, 2);
	from_ns = boot_ns();
	expect_waiting(&reader, 1);
	/* Its loop stops, so it dies without a word. */
	expect(0, wait_for(mount, reader));
	assert_true(reader->at_ns < from_ns + 6 * NS_PER_S);
	end(mount, reader);
	end(mount, held);
	mount_leave(other);
	expect(-ENOENT, look(mount, KEY));
}

/* Each bound holder is stopped before its holding ends; the lock is free when all have. */
static void test_forced_release_of_readers(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *bound = expect(0, read_shared(other, 1, LONG_MS, BOUND));
	struct answer *forced = answer_new(mount, KEY);
	struct answer *writer;

	expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	expect(0, read_shared(mount, 3, LONG_MS, BOUND));
	expect(0, read_shared(mount, 4, LONG_MS, PLAIN));
	writer = start_wait(mount, KEY, 1);
	expect_waiters(mount, KEY, 1);
	other->ended = (struct ended){ 0 };
	backend_release(mount->backend, forced->key, NULL, match_any(), on_done, forced);
	for (int i = 0; i < 10; i++) {
		look(mount, KEY);
		sleep_until(boot_ns() + NS_PER_MS);
	}
	/* The bound holder at the other mount was not told yet. */
	expect_waiting(&forced, 1);
	expect_waiting(&writer, 1);
	expect_holders(mount, LOCK_SHARED, 1);
	await_both(mount, other, is_answered, forced, "the forced release");
	expect(0, forced);
	await_both(mount, other, is_answered, writer, "the writer");
	expect_handed(mount, writer);
	assert_int_equal(other->ended.token, bound->lock->token);
	give_on(mount, writer);
	mount_leave(other);
}

/* A forced release ends what was there, but nobody who comes while it waits. */
static void test_forced_release_spares_who_comes_later(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *forced = answer_new(mount, KEY);
	struct answer *later;

	expect(0, read_shared(other, 1, LONG_MS, BOUND));
	backend_release(mount->backend, forced->key, NULL, match_any(), on_done, forced);
	later = expect(0, read_shared(mount, 2, LONG_MS, PLAIN));
	await_both(mount, other, is_answered, forced, "the forced release");
	expect(0, forced);
	expect_holders(mount, LOCK_SHARED, 1);
	assert_int_equal(see(mount, KEY)->token, later->lock->token);
	end(mount, later);
	mount_leave(other);
}

/* 600 bound readers of a mount that stands still end too, some at a time. */
static void test_forced_release_of_very_many_readers(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);

	for (size_t i = 0; i < 600; i++)
		expect(0, read_shared(other, i, LONG_MS, BOUND));
	expect_holders(mount, LOCK_SHARED, 600);
	expect(0, force(mount, KEY));
	expect(-ENOENT, look(mount, KEY));
	mount_leave(other);
}

/* A conversion that is cancelled too late is undone: the holding that its caller knows is there again. */
static void test_conversion_cancelled_too_late(void **state)
{
	struct mount *mount = *state;
	struct answer *held = expect(0, read_shared(mount, 1, LONG_MS, PLAIN));
	enum lock_mode modes[] = { LOCK_EXCLUSIVE, LOCK_SHARED };

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct answer *conversion = start_conversion(mount, held, modes[i], WAITS);

		assert_int_equal(conversion->calls, 0);
		backend_cancel(mount->backend, &conversion->acquisition);
		expect(-ECANCELED, wait_for(mount, conversion));
		/* The undo is sent when the answer comes, so the second look is behind it. */
		look(mount, KEY);
		assert_int_equal(see(mount, KEY)->token, held->lock->token);
		expect_holders(mount, modes[1 - i], 1);
		expect(0, refresh(mount, KEY, &held->acquisition.holder.claim, held->lock->token, LEASE_UNSET));
		if (modes[i] == LOCK_EXCLUSIVE)
			held = expect(0, convert(mount, held, LOCK_EXCLUSIVE, PLAIN));
	}
	end(mount, held);
	expect(-ENOENT, look(mount, KEY));
}

static const struct CMUnitTest reader_tests[] = {
	TEST(readers_of_two_mounts),
	TEST(readers_are_served_together),
	TEST(writer_is_served_when_the_last_lease_ends),
	TEST(writer_is_told_of_an_earlier_end),
	TEST(conversion_is_served_when_the_others_leases_end),
	TEST(conversion_over_two_mounts),
	TEST(readers_pass_who_gives_up),
	TEST(forced_release_of_readers),
	TEST(forced_release_spares_who_comes_later),
	TEST(forced_release_of_very_many_readers),
	TEST(conversion_cancelled_too_late),
};

static void add_readers(void)
{
	/* Two mounts of `memory:` share nothing. */
	if (strcmp(contract_source, "memory:") != 0)
		add_all(reader_tests, COUNT(reader_tests));
}

#endif
