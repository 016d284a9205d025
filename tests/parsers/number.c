/* Numbers in text: what is read, and what is refused because it is no number or out of bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/util/text/number.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED UINT64_C(4711)

static const struct {
	const char *text;
	unsigned int base;
	uint64_t max;
	int err;
	uint64_t number;
} rows[] = {
	{ "0", 10, 0, 0, 0 },
	{ "007", 10, 7, 0, 7 },
	{ "1777", 8, 07777, 0, 01777 },
	{ "18446744073709551615", 10, UINT64_MAX, 0, UINT64_MAX },
	{ "255", 10, 255, 0, 255 },

	{ "256", 10, 255, -EINVAL, UNTOUCHED },
	{ "18446744073709551616", 10, UINT64_MAX, -EINVAL, UNTOUCHED },
	{ "99999999999999999999999999", 10, UINT64_MAX, -EINVAL, UNTOUCHED },
	{ "8", 8, 07777, -EINVAL, UNTOUCHED },
	{ "", 10, 9, -EINVAL, UNTOUCHED },
	{ " 1", 10, 9, -EINVAL, UNTOUCHED },
	{ "1 ", 10, 9, -EINVAL, UNTOUCHED },
	{ "+1", 10, 9, -EINVAL, UNTOUCHED },
	{ "-1", 10, 9, -EINVAL, UNTOUCHED },
	{ "0x1", 10, 9, -EINVAL, UNTOUCHED },
	{ "1", 10, 0, -EINVAL, UNTOUCHED },
};

static void reads_whole_texts_within_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t number = UNTOUCHED;

		assert_int_equal(number_parse(rows[i].text, rows[i].base, rows[i].max, &number), rows[i].err);
		assert_true(number == rows[i].number);
	}
}

static void reads_signed_numbers(void **state)
{
	int64_t number = 0;

	(void)state;
	assert_int_equal(number_parse_signed("-2", &number), 0);
	assert_true(number == -2);
	assert_int_equal(number_parse_signed("9223372036854775807", &number), 0);
	assert_true(number == INT64_MAX);
	assert_int_equal(number_parse_signed("9223372036854775808", &number), -EINVAL);
	assert_int_equal(number_parse_signed("-", &number), -EINVAL);
	assert_int_equal(number_parse_signed("--1", &number), -EINVAL);
}

static void stops_behind_the_digits(void **state)
{
	static const char text[] = "12/3";
	uint64_t number;

	(void)state;
	assert_ptr_equal(number_read(text, 10, 99, &number), text + 2);
	assert_true(number == 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_whole_texts_within_bounds),
		cmocka_unit_test(reads_signed_numbers),
		cmocka_unit_test(stops_behind_the_digits),
	};

	return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
