/* The content of a lock. */
#ifndef TESTS_CONTRACT_CONTENT_H
#define TESTS_CONTRACT_CONTENT_H

#include "tests/contract/judging.h"

static const struct writing {
	const char *name;
	off_t offset;
	const char *data;
	const char *content; /* after it was written over `0123456789` */
	size_t size;
} writings[] = {
	{ "the start", 0, "ab", "ab23456789", 10 },
	{ "the middle", 4, "ab", "0123ab6789", 10 },
	{ "across the end", 9, "ab", "012345678ab", 11 },
	{ "at the end", 10, "ab", "0123456789ab", 12 },
	{ "after a gap", 13, "ab", "0123456789\0\0\0ab", 15 },
	{ "appending", -1, "ab", "0123456789ab", 12 },
	{ "all of it", 0, "abcdefghijk", "abcdefghijk", 11 },
	{ "nothing", 5, "", "0123456789", 10 },
	{ "nothing after a gap", 50, "", "0123456789", 10 },
};

static void test_writing(void **state)
{
	struct mount *mount = *state;
	const struct writing *row = mount->row;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	expect(0, store(mount, KEY, token, -1, "0123456789", 10));
	expect(0, store(mount, KEY, token, row->offset, row->data, strlen(row->data)));
	assert_content(see(mount, KEY), row->content, row->size);
}

static void test_content_has_a_limit(void **state)
{
	static char data[LOCK_CONTENT_MAX + 1];
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	memset(data, 'x', sizeof(data));
	expect(0, store(mount, KEY, token, 0, "ab", 2));
	expect(-EFBIG, store(mount, KEY, token, 0, data, sizeof(data)));
	expect(-EFBIG, store(mount, KEY, token, -1, data, LOCK_CONTENT_MAX - 1));
	expect(-EFBIG, store(mount, KEY, token, LOCK_CONTENT_MAX, "x", 1));
	expect(-EFBIG, store(mount, KEY, token, LOCK_CONTENT_MAX - 1, "xx", 2));
	expect(-EFBIG, store(mount, KEY, token, INT64_MAX, "x", 1));
	expect(-EFBIG, cut(mount, KEY, &me, token, LOCK_CONTENT_MAX + 1));
	expect(-EFBIG, cut(mount, KEY, &me, token, INT64_MAX));
	assert_content(see(mount, KEY), "ab", 2);
	expect(0, store(mount, KEY, token, 0, data, LOCK_CONTENT_MAX));
	assert_content(see(mount, KEY), data, LOCK_CONTENT_MAX);
	expect(-EFBIG, store(mount, KEY, token, -1, "x", 1));
	assert_content(see(mount, KEY), data, LOCK_CONTENT_MAX);
	expect(0, cut(mount, KEY, &me, token, 0));
	expect(0, store(mount, KEY, token, LOCK_CONTENT_MAX - 1, "x", 1));
	assert_int_equal(see(mount, KEY)->content_size, LOCK_CONTENT_MAX);
}

static void test_content_is_bytes(void **state)
{
	static unsigned char bytes[256];
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	expect(0, store(mount, KEY, token, 0, bytes, sizeof(bytes)));
	assert_content(see(mount, KEY), bytes, sizeof(bytes));
	expect(0, cut(mount, KEY, &me, token, 1));
	expect(0, store(mount, KEY, token, -1, bytes, 2));
	assert_content(see(mount, KEY), "\0\0\1", 3);
}

static void test_truncating(void **state)
{
	struct mount *mount = *state;
	uint64_t token = expect(0, acquire(mount, KEY, &me, LONG_MS))->lock->token;

	expect(0, store(mount, KEY, token, 0, "abcdef", 6));
	expect(0, cut(mount, KEY, &me, token, 6));
	assert_content(see(mount, KEY), "abcdef", 6);
	expect(0, cut(mount, KEY, &me, token, 3));
	assert_content(see(mount, KEY), "abc", 3);
	expect(0, cut(mount, KEY, &me, token, 5)); /* what was cut off does not come back */
	assert_content(see(mount, KEY), "abc\0\0", 5);
	expect(0, cut(mount, KEY, &me, token, 0));
	assert_content(see(mount, KEY), "", 0);
	expect(0, cut(mount, KEY, &me, token, LOCK_CONTENT_MAX));
	assert_int_equal(see(mount, KEY)->content_size, LOCK_CONTENT_MAX);
}

static void test_content_goes_with_its_lock(void **state)
{
	struct mount *mount = *state;

	for (int way = 0; way < 3; way++) {
		const struct answer *held = expect(0, acquire(mount, KEY, &me, WORK_MS));

		assert_int_equal(see(mount, KEY)->content_size, 0);
		expect(0, store(mount, KEY, held->lock->token, 0, "old", 3));
		if (way == 0)
			expect(0, release(mount, KEY, &me, 0));
		else if (way == 1)
			expect(0, force(mount, KEY));
		else
			let_pass(held);
	}
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_int_equal(see(mount, KEY)->content_size, 0);
}

static const struct CMUnitTest content_tests[] = {
	TEST(content_has_a_limit),
	TEST(content_is_bytes),
	TEST(truncating),
	TEST(content_goes_with_its_lock),
};

static void add_content(void)
{
	for (size_t i = 0; i < COUNT(writings); i++)
		add(test_writing, &writings[i], "writing: %s", writings[i].name);
	add_all(content_tests, COUNT(content_tests));
}

#endif
