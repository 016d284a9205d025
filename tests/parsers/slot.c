/* Slots of a cluster: the values of the specification, and which namespaces have a hash tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/redis/net/slot.h"

static const struct {
	const char *key;
	unsigned int slot; /* as CLUSTER KEYSLOT prints it */
} rows[] = {
	{ "123456789", 12739 }, /* 0x31c3, the check value of the CRC */
	{ "", 0 },
	{ "{lockfs}", 11826 },
	{ "{lockfs}:job", 11826 },
	{ "lockfs", 11826 },
	{ "foo{bar}{zap}", 5061 },
	{ "bar", 5061 },
	{ "foo{}{bar}", 8363 },
	{ "foo{{bar}}zap", 4015 },
	{ "{bar", 4015 },
};

static void test_slots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(slot_of(rows[i].key), rows[i].slot);
}

static void test_tags(void **state)
{
	static const char *const with[] = { "{a}", "a{b}c", "{{a}", "{a}}" };
	static const char *const without[] = { "", "a", "{}", "{", "}", "}{", "{}{a}", "a{b", "a}b" };

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_true(slot_has_tag(with[i]));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(slot_has_tag(without[i]));
}

static void test_guard_keys(void **state)
{
	struct slot_guard guard = { 0 };

	(void)state;
	assert_int_equal(slot_guard_init(&guard, "{a}"), 0);
	assert_string_equal(guard.keys[0], "{a}#e");
	assert_string_equal(guard.keys[1], "{a}#none");
	slot_guard_free(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_guard_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
