/* Directories: their settings, their default lease, and listings. */
#ifndef TESTS_CONTRACT_DIRECTORIES_H
#define TESTS_CONTRACT_DIRECTORIES_H

#include "tests/contract/judging.h"

static void test_make_dir_takes_settings(void **state)
{
	static const struct dir_info wanted = {
		.mode = 01777, .uid = 4294967294, .gid = 4294967293, .default_ttl_ms = LONG_MS,
	};
	struct mount *mount = *state;
	const struct dir_info *made;

	expect(0, make_dir_as(mount, "dir", &wanted));
	made = see_dir(mount, "dir");
	assert_settings(made, &wanted);
	assert_int_equal(made->default_ttl_ms, LEASE_UNSET);
	assert_true(made->changed_ms > 0);
}

/* Each setting changes alone. */
static void test_configure_changes_what_is_named(void **state)
{
	struct mount *mount = *state;
	struct dir_info wanted = plain_dir;

	expect(0, make_dir(mount, "dir"));
	wanted.mode = other_dir.mode;
	expect(0, configure(mount, "dir", DIR_MODE, &other_dir));
	assert_settings(see_dir(mount, "dir"), &wanted);
	wanted.uid = other_dir.uid;
	expect(0, configure(mount, "dir", DIR_UID, &other_dir));
	assert_settings(see_dir(mount, "dir"), &wanted);
	wanted.gid = other_dir.gid;
	expect(0, configure(mount, "dir", DIR_GID, &other_dir));
	assert_settings(see_dir(mount, "dir"), &wanted);
	assert_int_equal(see_dir(mount, "dir")->default_ttl_ms, LEASE_UNSET);
	expect(0, configure(mount, "dir", DIR_DEFAULT_TTL, &other_dir));
	assert_settings(see_dir(mount, "dir"), &wanted);
	assert_int_equal(see_dir(mount, "dir")->default_ttl_ms, other_dir.default_ttl_ms);
	expect(0, configure(mount, "dir", DIR_MODE | DIR_UID | DIR_GID, &plain_dir));
	assert_settings(see_dir(mount, "dir"), &plain_dir);
	assert_int_equal(see_dir(mount, "dir")->default_ttl_ms, other_dir.default_ttl_ms);
}

static void test_configure_tells_when(void **state)
{
	struct mount *mount = *state;
	int64_t made_ms;

	expect(0, make_dir(mount, "dir"));
	made_ms = see_dir(mount, "dir")->changed_ms;
	sleep_until(boot_ns() + 2 * ROUNDING_MS * NS_PER_MS);
	expect(0, acquire(mount, "dir/job", &me, LONG_MS));
	assert_int_equal(see_dir(mount, "dir")->changed_ms, made_ms);
	expect(0, configure(mount, "dir", DIR_MODE, &other_dir));
	assert_true(see_dir(mount, "dir")->changed_ms > made_ms);
}

static void test_removed_dir_is_forgotten(void **state)
{
	struct mount *mount = *state;

	expect(0, make_dir(mount, "dir"));
	expect(0, configure(mount, "dir", DIR_MODE | DIR_DEFAULT_TTL, &other_dir));
	expect(0, remove_dir(mount, "dir"));
	expect(-ENOENT, look(mount, "dir"));
	expect(-ENOENT, acquire(mount, "dir/job", &me, LONG_MS));
	expect(0, make_dir(mount, "dir"));
	assert_settings(see_dir(mount, "dir"), &plain_dir);
	assert_int_equal(see_dir(mount, "dir")->default_ttl_ms, LEASE_UNSET);
	assert_string_equal(expect(0, list(mount, "dir"))->names, "");
}

static void test_dir_with_a_lock_stays(void **state)
{
	struct mount *mount = *state;

	expect(0, make_dir(mount, "dir"));
	expect(0, acquire(mount, "dir/a", &me, LONG_MS));
	expect(0, acquire(mount, "dir/b", &me, WORK_MS));
	expect(-ENOTEMPTY, remove_dir(mount, "dir"));
	expect(0, release(mount, "dir/a", &me, 0));
	expect(-ENOTEMPTY, remove_dir(mount, "dir"));
	let_pass(expect(0, look(mount, "dir/b")));
	expect(0, remove_dir(mount, "dir"));
}

static void set_default(struct mount *mount, const char *path, int64_t ttl_ms)
{
	const struct dir_info info = { .default_ttl_ms = ttl_ms };

	expect(0, configure(mount, path, DIR_DEFAULT_TTL, &info));
}

/* The default lease of a directory is in its settings, and is that of acquisitions with LEASE_UNSET. */
static void expect_default(struct mount *mount, const char *path, int64_t told_ms, int64_t lease_ms)
{
	char key[64];

	assert_int_equal(see_dir(mount, path)->default_ttl_ms, told_ms);
	snprintf(key, sizeof(key), "%s%sjob", path, *path ? "/" : "");
	assert_int_equal(expect(0, acquire(mount, key, &me, LEASE_UNSET))->lock->ttl_ms, lease_ms);
	expect(0, release(mount, key, &me, 0));
	assert_int_equal(expect(0, acquire(mount, key, &me, 4711))->lock->ttl_ms, 4711);
	expect(0, release(mount, key, &me, 0));
}

static void test_default_ttl(void **state)
{
	struct mount *mount = *state;

	expect(0, make_dir(mount, "a"));
	expect(0, make_dir(mount, "a/b"));
	expect(0, make_dir(mount, "a/b/c"));
	expect(0, make_dir(mount, "ab"));
	expect_default(mount, "a/b/c", LEASE_UNSET, FALLBACK_TTL_MS);
	set_default(mount, "a", 30000);
	expect_default(mount, "a", 30000, 30000);
	expect_default(mount, "a/b/c", 30000, 30000);
	expect_default(mount, "ab", LEASE_UNSET, FALLBACK_TTL_MS);
	set_default(mount, "a/b", LEASE_NEVER);
	expect_default(mount, "a/b", LEASE_NEVER, LEASE_NEVER);
	expect_default(mount, "a/b/c", LEASE_NEVER, LEASE_NEVER);
	expect_default(mount, "a", 30000, 30000);
	set_default(mount, "a/b", LEASE_UNSET);
	expect_default(mount, "a/b/c", 30000, 30000);
	set_default(mount, "a", LEASE_UNSET);
	expect_default(mount, "a/b/c", LEASE_UNSET, FALLBACK_TTL_MS);
}

static void test_default_ttl_of_the_root(void **state)
{
	struct mount *mount = *state;

	expect(0, make_dir(mount, "a"));
	expect_default(mount, "", LEASE_UNSET, FALLBACK_TTL_MS);
	set_default(mount, "", 20000);
	expect_default(mount, "", 20000, 20000);
	expect_default(mount, "a", 20000, 20000);
	expect(-EPERM, configure(mount, "", DIR_DEFAULT_TTL | DIR_MODE, &other_dir));
	expect(-EPERM, configure(mount, "", DIR_UID, &other_dir));
	expect(-EPERM, configure(mount, "", DIR_GID, &other_dir));
	expect_default(mount, "", 20000, 20000);
	set_default(mount, "", LEASE_UNSET);
	expect_default(mount, "a", LEASE_UNSET, FALLBACK_TTL_MS);
}

/* A default that is set later does not change holdings. */
static void test_default_ttl_is_for_new_locks(void **state)
{
	struct mount *mount = *state;
	const struct lock *held;

	expect(0, make_dir(mount, "a"));
	held = expect(0, acquire(mount, "a/job", &me, LEASE_UNSET))->lock;
	set_default(mount, "a", SHORT_MS);
	assert_same_lock(held, see(mount, "a/job"));
	expect(0, refresh(mount, "a/job", &me, 0, LEASE_UNSET));
	assert_int_equal(see(mount, "a/job")->ttl_ms, FALLBACK_TTL_MS);
}

static void test_list_shows_what_is_there(void **state)
{
	struct mount *mount = *state;

	expect_list(mount, "", "");
	expect(0, make_dir(mount, "d"));
	expect(0, make_dir(mount, "d/e"));
	expect(0, make_dir(mount, "de"));
	expect(0, acquire(mount, "d/x", &me, LEASE_NEVER));
	expect(0, acquire(mount, "d/y", &they, LONG_MS));
	expect(0, acquire(mount, "d/e/z", &me, LONG_MS));
	expect(0, acquire(mount, "dx", &me, LONG_MS));
	acquire_expired(mount, "d/w", &me);
	expect_list(mount, "", "//d//de/dx");
	expect_list(mount, "d", "//e/x/y");
	expect_list(mount, "d/e", "/z");
	expect_list(mount, "de", "");
	expect(0, release(mount, "d/x", &me, 0));
	expect(0, force(mount, "d/y"));
	expect(0, force(mount, "d/e/z"));
	expect_list(mount, "d", "//e");
	expect(0, remove_dir(mount, "d/e"));
	expect_list(mount, "d", "");
	expect_list(mount, "", "//d//de/dx");
}

/* More names than a page of any backend has. */
#define LISTED 3000

/* Most names on a page, also of a server that reads whole buckets of a table. */
#define PAGE_NAMES_MAX 1500

static const char *listed_key(int number)
{
	static char key[32];

	snprintf(key, sizeof(key), "d/job-%04d", number);
	return key;
}

static void acquire_listed(struct mount *mount, int from, int to, int64_t ttl_ms)
{
	expect(-ENOENT, look(mount, listed_key(from)));
	for (int i = from; i < to; i++)
		expect(0, acquire(mount, listed_key(i), &me, ttl_ms));
}

static struct answer *first_page(struct mount *mount, const char *path)
{
	struct answer *answer = answer_new(mount, path);

	answer->listing = (struct listing){ .path = answer->key, .done = on_list_done, .ctx = answer };
	return list_more(mount, answer);
}

/* Returns how often a list has this name. */
static int times_told(const struct answer *answer, const char *name)
{
	int times = 0;

	for (size_t i = 0; i < answer->item_count; i++)
		times += strcmp(answer->items[i].name, name) == 0;
	return times;
}

static void test_large_directory_is_listed_in_pages(void **state)
{
	struct mount *mount = *state;
	struct answer *listed;
	size_t told = 0;

	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	listed = expect(0, first_page(mount, "d"));
	while (listed->listing.more) {
		assert_in_range(listed->item_count - told, 0, PAGE_NAMES_MAX);
		told = listed->item_count;
		expect(0, list_more(mount, listed));
	}
	assert_int_equal(listed->item_count, LISTED);
	assert_int_equal(times_told(listed, "job-0000"), 1);
	assert_int_equal(times_told(listed, "job-2999"), 1);
}

/* Locks come and go between two pages: a name that stays is listed, once. */
static void test_listing_misses_nothing_that_stays(void **state)
{
	struct mount *mount = *state;
	struct answer *listed;

	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	listed = expect(0, first_page(mount, "d"));
	assert_true(listed->listing.more);
	for (int i = 0; i < LISTED; i += 2)
		expect(0, release(mount, listed_key(i), &me, 0));
	acquire_listed(mount, LISTED, 2 * LISTED, LONG_MS);
	while (listed->listing.more)
		expect(0, list_more(mount, listed));
	for (int i = 1; i < LISTED; i += 2)
		assert_int_equal(times_told(listed, listed_key(i) + strlen("d/")), 1);
}

static void test_listing_ends_with_its_directory(void **state)
{
	struct mount *mount = *state;
	struct answer *listed;

	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	listed = expect(0, first_page(mount, "d"));
	for (int i = 0; i < LISTED; i++)
		expect(0, release(mount, listed_key(i), &me, 0));
	expect(0, remove_dir(mount, "d"));
	while (listed->listing.more)
		expect(0, list_more(mount, listed));
	expect(-ENOENT, first_page(mount, "d"));
}

static void test_listing_can_be_given_up(void **state)
{
	struct mount *mount = *state;
	struct answer *listed;

	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	listed = expect(0, first_page(mount, "d"));
	assert_true(listed->listing.more);
	backend_list_end(mount->backend, &listed->listing);
	for (int i = 0; i < LISTED; i++)
		expect(0, release(mount, listed_key(i), &me, 0));
	expect_list(mount, "d", "");
}

/* However many leases end at once: an expired lock does not exist, and each end is reported. */
static void test_many_leases_pass_together(void **state)
{
	const struct lock_holder holder = holder_of(&me);
	struct mount *mount = *state;
	size_t told = 0;

	expect(0, make_dir(mount, "d"));
	for (int i = 0; i < LISTED; i++)
		backend_acquire(mount->backend, &plan_acquire(mount, listed_key(i), &holder, WORK_MS, PLAIN)->acquisition);
	sleep_until(boot_ns() + (WORK_MS + ROUNDING_MS) * NS_PER_MS);
	/* A server may have taken the last calls later than that. */
	while (*expect(0, list(mount, "d"))->names)
		sleep_until(boot_ns() + ROUNDING_MS * NS_PER_MS);
	expect(-ENOENT, look(mount, listed_key(LISTED - 1)));
	expect(-ENOENT, look(mount, listed_key(LISTED / 2)));
	expect(0, acquire(mount, listed_key(LISTED - 2), &they, LONG_MS));
	expect(0, release(mount, listed_key(LISTED - 2), &they, 0));
	expect(0, remove_dir(mount, "d"));
	for (size_t i = 0; i < mount->event_count; i++)
		told += mount->events[i].kind == EVENT_EXPIRED;
	if (strcmp(contract_source, "memory:") == 0)
		assert_int_equal(told, LISTED);
}

/* A call of a backend in this process does not end them all. */
static void test_call_ends_few_leases(void **state)
{
	struct mount *mount = *state;
	size_t told_before;

	if (strcmp(contract_source, "memory:") != 0)
		return;
	expect(0, make_dir(mount, "d"));
	acquire_listed(mount, 0, LISTED, LONG_MS);
	for (int i = 0; i < LISTED; i++)
		expect(0, refresh(mount, listed_key(i), &me, 0, SHORT_MS));
	sleep_until(boot_ns() + (SHORT_MS + ROUNDING_MS) * NS_PER_MS);
	told_before = mount->event_count;
	backend_read(mount->backend, listed_key(LISTED - 1), on_entry_done, answer_new(mount, "d"));
	assert_in_range(mount->event_count - told_before, 1, 100);
}

/* Until a time is given, it is that of the last change; then it stays. */
static void test_given_time_of_a_directory(void **state)
{
	static const int64_t given[] = { 0, -1, INT64_C(-2208988800000), INT64_C(16725225600999), INT64_MAX };
	struct mount *mount = *state;
	struct dir_info info = { .mode = 0755 };

	expect(0, make_dir(mount, "dir"));
	assert_int_equal(see_dir(mount, "dir")->modified_ms, see_dir(mount, "dir")->changed_ms);
	for (size_t i = 0; i < COUNT(given); i++) {
		info.modified_ms = given[i];
		expect(0, configure(mount, "dir", DIR_MODIFIED, &info));
		assert_true(see_dir(mount, "dir")->modified_ms == given[i]);
	}
	expect(0, configure(mount, "dir", DIR_MODE, &info));
	expect(0, acquire(mount, "dir/job", &me, LONG_MS));
	assert_true(see_dir(mount, "dir")->modified_ms == INT64_MAX);
	expect(0, release(mount, "dir/job", &me, 0));
	expect(0, remove_dir(mount, "dir"));
	expect(0, make_dir(mount, "dir"));
	assert_int_equal(see_dir(mount, "dir")->modified_ms, see_dir(mount, "dir")->changed_ms);
}

static const struct CMUnitTest directory_tests[] = {
	TEST(make_dir_takes_settings),
	TEST(configure_changes_what_is_named),
	TEST(configure_tells_when),
	TEST(given_time_of_a_directory),
	TEST(removed_dir_is_forgotten),
	TEST(dir_with_a_lock_stays),
	TEST(default_ttl),
	TEST(default_ttl_of_the_root),
	TEST(default_ttl_is_for_new_locks),
	TEST(list_shows_what_is_there),
	TEST(large_directory_is_listed_in_pages),
	TEST(listing_misses_nothing_that_stays),
	TEST(listing_ends_with_its_directory),
	TEST(listing_can_be_given_up),
	TEST(many_leases_pass_together),
	TEST(call_ends_few_leases),
};

#endif
