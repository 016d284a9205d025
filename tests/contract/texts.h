/* Names, claims and descriptions: any bytes, up to their longest. */
#ifndef TESTS_CONTRACT_TEXTS_H
#define TESTS_CONTRACT_TEXTS_H

#include "tests/contract/judging.h"

/* Names that mean something elsewhere: to a shell, a pattern, a format, a protocol. */
static const char *const odd_names[] = {
	"\x01", "\t", "\n", " ", " a b ", "\"", "#", "#d:job", "$(id)", "%", "%s%n", "&", "'", "*",
	"-rf", "...", ":", ":job", "?", "JOB", "[a-z]", "\\", "\\n", "a", "a#", "a:b", "a\nb", "job",
	"job#w", "job:", "token", "{tag}", "~", "\x7f", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x94\x92",
	"\xff\xfe",
};

/* All names exist at the same time, in a directory with such a name, so that a mix-up shows. */
static void test_odd_names(void **state)
{
	struct mount *mount = *state;
	struct list_item items[COUNT(odd_names)];
	char key[LOCK_KEY_MAX + 1];
	char *names;

	expect(0, make_dir(mount, "* #:%s"));
	for (size_t i = 0; i < COUNT(odd_names); i++) {
		const struct lock *held;

		items[i] = (struct list_item){ .name = odd_names[i], .kind = ENTRY_LOCK };
		snprintf(key, sizeof(key), "* #:%%s/%s", odd_names[i]);
		expect(-ENOENT, look(mount, key));
		held = expect(0, acquire(mount, key, &me, LONG_MS))->lock;
		assert_string_equal(held->key, key);
		expect(0, store(mount, key, held->token, 0, key, strlen(key)));
		expect_event(mount, EVENT_ACQUIRED, key, held->token, LONG_MS);
	}
	names = names_print(items, COUNT(items));
	expect_list(mount, "* #:%s", names);
	free(names);
	for (size_t i = 0; i < COUNT(odd_names); i++) {
		snprintf(key, sizeof(key), "* #:%%s/%s", odd_names[i]);
		assert_content(see(mount, key), key, strlen(key));
		expect(0, release(mount, key, &me, 0));
	}
	expect_list(mount, "* #:%s", "");
}

static void test_longest_key(void **state)
{
	struct mount *mount = *state;
	char key[LOCK_KEY_MAX + 1];
	const struct lock *held;

	memset(key, 'k', LOCK_KEY_MAX);
	key[LOCK_KEY_MAX] = '\0';
	for (size_t slash = 254; slash < LOCK_KEY_MAX; slash += 255) {
		key[slash] = '\0';
		expect(0, make_dir(mount, key));
		key[slash] = '/';
	}
	held = expect(0, acquire(mount, key, &me, LONG_MS))->lock;
	assert_string_equal(held->key, key);
	assert_string_equal(see(mount, key)->key, key);
	expect(0, refresh(mount, key, &me, 0, LEASE_UNSET));
	expect(0, release(mount, key, &me, 0));
	expect_event_of(mount, EVENT_ACQUIRED, held);
	expect_event_of(mount, EVENT_REFRESHED, held);
	expect_event_of(mount, EVENT_RELEASED, held);
}

static void test_longest_name(void **state)
{
	struct mount *mount = *state;
	char name[LOCK_NAME_MAX + 1];

	memset(name, 'n', LOCK_NAME_MAX);
	name[LOCK_NAME_MAX] = '\0';
	expect(0, acquire(mount, name, &me, LONG_MS));
	assert_string_equal(expect(0, list(mount, ""))->names + 1, name);
	expect(0, release(mount, name, &me, 0));
}

/* Claims of the longest texts, which differ in the last byte only. */
static void test_longest_claim(void **state)
{
	struct mount *mount = *state;
	char id[LOCK_ID_MAX + 1];
	char identity[LOCK_IDENTITY_MAX + 1];
	struct lock_claim longest = { id, identity };
	struct lock_claim by_id = { id, NULL };

	memset(id, '\xff', LOCK_ID_MAX);
	id[LOCK_ID_MAX] = '\0';
	memset(identity, ' ', LOCK_IDENTITY_MAX);
	identity[LOCK_IDENTITY_MAX] = '\0';
	expect(0, acquire(mount, KEY, &longest, LONG_MS));
	assert_string_equal(see(mount, KEY)->holder.claim.id, id);
	assert_string_equal(see(mount, KEY)->holder.claim.identity, identity);
	id[LOCK_ID_MAX - 1] = 'x';
	expect(-EPERM, release(mount, KEY, &by_id, 0));
	identity[LOCK_IDENTITY_MAX - 1] = 'x';
	expect(-EPERM, release(mount, KEY, &longest, 0));
	identity[LOCK_IDENTITY_MAX - 1] = ' ';
	expect(0, release(mount, KEY, &longest, 0));
}

static void test_holder_is_told_in_full(void **state)
{
	static const struct lock_holder holders[] = {
		{ { "id", "identity" }, "alice", "earth", "earth:/locks", "make -j8", 1, 0, 0 },
		{ { "i d:%s", NULL }, "", "", "", "", INT32_MAX, 4294967294, 4294967293 },
		{ { "\xc3\xa9", "a\nb" }, "a b", "\"h\"", "h:/a b\n", "sh -c 'x;\ty'\n\xff", 4711, 65534, 7 },
	};
	struct mount *mount = *state;

	for (size_t i = 0; i < COUNT(holders); i++) {
		const struct answer *held = expect(0, wait_for(mount,
			start_acquire_as(mount, KEY, &holders[i], LONG_MS)));

		assert_same_holder(&held->lock->holder, &holders[i]);
		assert_same_holder(&see(mount, KEY)->holder, &holders[i]);
		expect(0, force(mount, KEY));
	}
}

/* The arguments of a call are the caller's again once it is answered. */
static void test_nothing_of_the_callers_is_kept(void **state)
{
	struct mount *mount = *state;
	char text[] = "id-1", data[] = "data", dir[] = "dir";
	struct lock_holder holder = { { text, text }, text, text, text, text, 1, 2, 3 };
	struct answer *held, *made = make_dir(mount, dir);

	expect(0, made);
	memset(made->key, '#', strlen(made->key));
	held = expect(0, wait_for(mount, start_acquire_as(mount, "dir/job", &holder, LONG_MS)));
	expect(0, store(mount, "dir/job", held->lock->token, 0, data, strlen(data)));
	memset(held->key, '#', strlen(held->key));
	memset(&held->acquisition, '#', sizeof(held->acquisition));
	memset(text, '#', strlen(text));
	memset(data, '#', strlen(data));
	assert_same_holding(held->lock, see(mount, "dir/job"));
	assert_string_equal(see(mount, "dir/job")->holder.claim.id, "id-1");
	assert_content(see(mount, "dir/job"), "data", 4);
	expect_list(mount, "", "//dir");
	expect_list(mount, "dir", "/job");
}

static const struct CMUnitTest text_tests[] = {
	TEST(odd_names),
	TEST(longest_key),
	TEST(longest_name),
	TEST(longest_claim),
	TEST(holder_is_told_in_full),
	TEST(nothing_of_the_callers_is_kept),
};

#endif
