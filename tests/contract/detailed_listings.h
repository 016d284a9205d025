/* Listings with what each lock is like. */
#ifndef TESTS_CONTRACT_DETAILED_LISTINGS_H
#define TESTS_CONTRACT_DETAILED_LISTINGS_H

#include "tests/contract/directories.h"
#include "tests/contract/shared.h"

/* Keeps the lock that has the name in `answer->names`, beside the names of the page. */
static void on_details_done(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct answer *answer = listing->ctx;

	for (size_t i = 0; status == 0 && i < count; i++)
		if (strcmp(items[i].name, answer->names) == 0 && items[i].lock && !answer->lock)
			answer->lock = lock_copy(items[i].lock);
	on_list_done(listing, status, items, count);
}

static struct answer *detailed_page(struct mount *mount, const char *path, const struct lock_claim *claim, const char *name)
{
	struct answer *answer = answer_new(mount, path);

	answer->names = need(strdup(name));
	answer->listing = (struct listing){
		.path = answer->key, .done = on_details_done, .ctx = answer, .detailed = true, .claim = claim,
	};
	return list_more(mount, answer);
}

static struct answer *list_details(struct mount *mount, const char *path, const struct lock_claim *claim, const char *name)
{
	struct answer *answer = expect(0, detailed_page(mount, path, claim, name));

	while (answer->listing.more)
		expect(0, list_more(mount, answer));
	return answer;
}

/* `seen` is the answer of a read after the listing, which need not have the group of the holder. */
static void assert_described(const struct lock *seen, const struct lock *listed)
{
	struct lock shown = *seen;

	assert_non_null(listed);
	shown.holder.gid = listed->holder.gid;
	assert_same_holding(&shown, listed);
	assert_same_lease(listed, seen);
	assert_int_equal(seen->mode, listed->mode);
	assert_int_equal(seen->holders, listed->holders);
	assert_int_equal(seen->granted, listed->granted);
	assert_int_equal(seen->foreign, listed->foreign);
}

static void test_details_are_those_of_a_read(void **state)
{
	struct mount *mount = *state;
	const struct answer *listed;

	expect(0, make_dir(mount, "d"));
	expect(0, make_dir(mount, "d/below"));
	expect(0, acquire(mount, "d/job", &me, LONG_MS));
	expect(0, acquire(mount, "d/for ever", &me, LEASE_NEVER));
	listed = list_details(mount, "d", &me, "job");
	assert_described(see(mount, "d/job"), listed->lock);
	assert_int_equal(listed->item_count, 3);
	assert_int_equal(listed->listing.dir.mode, plain_dir.mode);
	assert_int_equal(listed->listing.dir.uid, plain_dir.uid);
	assert_int_equal(listed->listing.dir.gid, plain_dir.gid);
	listed = list_details(mount, "d", NULL, "for ever");
	assert_described(see(mount, "d/for ever"), listed->lock);
	listed = list_details(mount, "d", &me, "below");
	assert_null(listed->lock);
}

/* As read() does, a detailed listing describes the holding that the claim proves, else the oldest. */
static void test_details_of_a_shared_lock_are_those_of_the_caller(void **state)
{
	struct mount *mount = *state;
	const struct answer *first = expect(0, read_shared(mount, 1, LONG_MS, 0));
	const struct answer *second = expect(0, read_shared(mount, 2, LONG_MS, 0));
	const struct answer *listed = list_details(mount, "", &second->acquisition.holder.claim, KEY);

	assert_described(expect(0, look_as(mount, second, match_any()))->lock, listed->lock);
	assert_int_equal(listed->lock->token, second->lock->token);
	assert_int_equal(listed->lock->holders, 2);
	listed = list_details(mount, "", NULL, KEY);
	assert_int_equal(listed->lock->token, first->lock->token);
	assert_int_equal(listed->lock->mode, LOCK_SHARED);
}

static void test_details_of_what_is_no_directory(void **state)
{
	struct mount *mount = *state;

	expect(0, acquire(mount, "job", &me, LONG_MS));
	expect(-ENOTDIR, detailed_page(mount, "job", NULL, ""));
	expect(-ENOENT, detailed_page(mount, "absent", NULL, ""));
}

static void test_detailed_listing_misses_nothing_that_stays(void **state)
{
	struct mount *mount = *state;
	struct answer *listed;

	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	listed = expect(0, detailed_page(mount, "d", &me, "job-0001"));
	assert_true(listed->listing.more);
	for (int i = 0; i < LISTED; i += 2)
		expect(0, release(mount, listed_key(i), &me, 0));
	acquire_listed(mount, LISTED, 2 * LISTED, LONG_MS);
	while (listed->listing.more)
		expect(0, list_more(mount, listed));
	for (int i = 1; i < LISTED; i += 2)
		assert_int_equal(times_told(listed, listed_key(i) + strlen("d/")), 1);
	assert_described(see(mount, "d/job-0001"), listed->lock);
}

static const struct CMUnitTest detailed_listing_tests[] = {
	TEST(details_are_those_of_a_read),
	TEST(details_of_a_shared_lock_are_those_of_the_caller),
	TEST(details_of_what_is_no_directory),
	TEST(detailed_listing_misses_nothing_that_stays),
};

#endif
