/* Locks that are shown as something else than a file. */
#ifndef TESTS_CONTRACT_FORMS_H
#define TESTS_CONTRACT_FORMS_H

#include "tests/contract/judging.h"
#include "tests/contract/shared.h"

#define TARGET "me@earth.4711:1700000000"

/* Acquires by a symbolic link. */
static struct answer *start_link(struct mount *mount, const struct lock_claim *claim, int64_t ttl_ms, unsigned int how)
{
	const struct lock_holder holder = holder_of(claim);
	struct answer *answer = plan_acquire(mount, KEY, &holder, ttl_ms, how);

	answer->acquisition.form = FORM_SYMLINK;
	answer->acquisition.content = TARGET;
	answer->acquisition.content_size = strlen(TARGET);
	return start(mount, answer);
}

static struct answer *make_link(struct mount *mount, const struct lock_claim *claim, int64_t ttl_ms)
{
	return wait_for(mount, start_link(mount, claim, ttl_ms, PLAIN));
}

static void assert_is_link(const struct lock *lock)
{
	assert_int_equal(lock->form, FORM_SYMLINK);
	assert_content(lock, TARGET, strlen(TARGET));
}

/* The form that a listing gives to the only name in the root. */
static enum lock_form listed_form(struct mount *mount)
{
	struct answer *answer = expect(0, list(mount, ""));

	assert_int_equal(answer->item_count, 1);
	return answer->items[0].form;
}

static void test_link_excludes_and_is_excluded(void **state)
{
	struct mount *mount = *state;

	assert_is_link(expect(0, make_link(mount, &me, LONG_MS))->lock);
	assert_is_link(see(mount, KEY));
	assert_is_link(expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS))->lock);
	assert_is_link(expect(-EBUSY, make_link(mount, &they, LONG_MS))->lock);
	assert_is_link(expect(-EEXIST, make_link(mount, &me, LONG_MS))->lock);
	expect(-EPERM, release(mount, KEY, &they, 0));
	expect(0, release(mount, KEY, &me, 0));
	expect(-ENOENT, look(mount, KEY));

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_int_equal(expect(-EBUSY, make_link(mount, &they, LONG_MS))->lock->form, FORM_FILE);
	assert_int_equal(see(mount, KEY)->form, FORM_FILE);
	assert_content(see(mount, KEY), "", 0);
}

static void test_link_is_refreshed_and_written(void **state)
{
	struct mount *mount = *state;
	uint64_t token = expect(0, make_link(mount, &me, LONG_MS))->lock->token;

	assert_is_link(expect(0, refresh(mount, KEY, &me, 0, 2 * LONG_MS))->lock);
	expect(0, store(mount, KEY, token, 0, "you", 3));
	assert_content(see(mount, KEY), "youearth.4711:1700000000", strlen(TARGET));
	assert_int_equal(see(mount, KEY)->form, FORM_SYMLINK);
}

/* The next holder of the key has its own form, and nothing of the link. */
static void test_link_leaves_nothing_to_the_next_holder(void **state)
{
	struct mount *mount = *state;

	expect(0, make_link(mount, &me, SHORT_MS));
	sleep_until(boot_ns() + 2 * SHORT_MS * NS_PER_MS);
	expect(-ENOENT, look(mount, KEY));
	assert_int_equal(expect(0, acquire(mount, KEY, &they, LONG_MS))->lock->form, FORM_FILE);
	assert_content(see(mount, KEY), "", 0);
	expect(0, release(mount, KEY, &they, 0));
	expect(0, make_link(mount, &me, LONG_MS));
	expect(0, force(mount, KEY));
	assert_int_equal(expect(0, acquire(mount, KEY, &they, LONG_MS))->lock->form, FORM_FILE);
}

static void test_link_waits_and_is_waited_for(void **state)
{
	struct mount *mount = *state;
	struct answer *link, *file;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	link = start_link(mount, &they, LONG_MS, WAITS);
	expect_waiters(mount, KEY, 1);
	file = start(mount, plan_reader(mount, 3, LONG_MS, WAITS));
	expect_waiters(mount, KEY, 2);
	expect(0, release(mount, KEY, &me, 0));
	assert_is_link(expect(0, wait_for(mount, link))->lock);
	assert_is_link(see(mount, KEY));
	assert_int_equal(file->calls, 0);
	expect(0, release(mount, KEY, &they, 0));
	assert_int_equal(expect(0, wait_for(mount, file))->lock->form, FORM_FILE);
	assert_content(see(mount, KEY), "", 0);
}

/* A conversion keeps how the lock is shown. */
static void test_link_is_converted(void **state)
{
	struct mount *mount = *state;
	struct answer *link = expect(0, make_link(mount, &me, LONG_MS));
	struct answer *shared = expect(0, convert(mount, link, LOCK_SHARED, PLAIN));

	assert_is_link(shared->lock);
	assert_is_link(see(mount, KEY));
	assert_is_link(expect(0, convert(mount, shared, LOCK_EXCLUSIVE, PLAIN))->lock);
	assert_is_link(see(mount, KEY));
}

/* A backend that does not know the form of a name may say so, but never says that a link is a file. */
static void test_links_are_listed(void **state)
{
	struct mount *mount = *state;

	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_int_equal(listed_form(mount), FORM_FILE);
	expect(0, release(mount, KEY, &me, 0));
	expect(0, make_link(mount, &me, SHORT_MS));
	expect(0, refresh(mount, KEY, &me, 0, LONG_MS));
	assert_true(listed_form(mount) != FORM_FILE);
	expect(0, release(mount, KEY, &me, 0));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_int_equal(listed_form(mount), FORM_FILE);
}

static void test_link_with_the_longest_target(void **state)
{
	static char target[LOCK_CONTENT_MAX];
	const struct lock_holder holder = holder_of(&me);
	struct mount *mount = *state;
	struct answer *answer = plan_acquire(mount, KEY, &holder, LONG_MS, PLAIN);

	memset(target, 't', sizeof(target) - 1);
	answer->acquisition.form = FORM_SYMLINK;
	answer->acquisition.content = target;
	answer->acquisition.content_size = sizeof(target) - 1;
	expect(0, wait_for(mount, start(mount, answer)));
	assert_content(see(mount, KEY), target, sizeof(target) - 1);
}

static const struct CMUnitTest form_tests[] = {
	TEST(link_excludes_and_is_excluded),
	TEST(link_is_refreshed_and_written),
	TEST(link_leaves_nothing_to_the_next_holder),
	TEST(link_waits_and_is_waited_for),
	TEST(link_is_converted),
	TEST(links_are_listed),
	TEST(link_with_the_longest_target),
};

#endif
