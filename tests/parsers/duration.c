/* What people write as durations and leases, and how lockfs prints them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lockfs/duration.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A row that must be refused. No duration has this value, so it also shows an *ret_ms that was touched. */
#define INVALID INT64_C(-4711)

struct text {
	const char *text;
	int64_t ms;
};

static const struct text durations[] = {
	{ "0", 0 },
	{ "0ms", 0 },
	{ "0.0", 0 },
	{ "1ms", 1 },
	{ "250ms", 250 },
	{ "30s", 30 * SECOND },
	{ "5m", 5 * MINUTE },
	{ "2h", 2 * HOUR },
	{ "1d", DAY },
	{ "30", 30 * SECOND },
	{ "007", 7 * SECOND },
	{ "00000000000000000000000000000030s", 30 * SECOND },
	{ "0.5", 500 },
	{ "1.2", 1200 },
	{ "1.02", 1020 },
	{ "1.234", 1234 },
	{ "1.2345", 1234 },
	{ "1.9999", 1999 },
	{ "0.0001", 0 },
	{ "0.00000000000000000000000000000000000001", 0 },
	{ "3650d", LEASE_MAX_MS },
	{ "87600h", LEASE_MAX_MS },
	{ "315360000", LEASE_MAX_MS },
	{ "315360000.0009", LEASE_MAX_MS },
	{ "315360000000ms", LEASE_MAX_MS },

	{ "3651d", INVALID },
	{ "87601h", INVALID },
	{ "315360001", INVALID },
	{ "315360000.001", INVALID },
	{ "315360000001ms", INVALID },
	{ "99999999999999999999", INVALID },
	{ "9223372036854775807ms", INVALID },
	{ "18446744073709551617ms", INVALID },
	{ "106751991168d", INVALID },
	{ "", INVALID },
	{ " 1", INVALID },
	{ "1 ", INVALID },
	{ "1 s", INVALID },
	{ "1\n", INVALID },
	{ "-1", INVALID },
	{ "-0", INVALID },
	{ "+1", INVALID },
	{ "1x", INVALID },
	{ "1S", INVALID },
	{ "1us", INVALID },
	{ "1min", INVALID },
	{ "1m30s", INVALID },
	{ "s", INVALID },
	{ "ms", INVALID },
	{ "1.5h", INVALID },
	{ "0.5s", INVALID },
	{ "1e3", INVALID },
	{ ".", INVALID },
	{ ".5", INVALID },
	{ "5.", INVALID },
	{ "1.2.3", INVALID },
	{ "1.-2", INVALID },
	{ "1,5", INVALID },
	{ "1_000", INVALID },
	{ "0x10", INVALID },
	{ "inf", INVALID },
	{ "\xd9\xa1", INVALID }, /* a digit, but an Arabic one */
	{ "never", INVALID },
};

static const struct text leases[] = {
	{ "never", LEASE_NEVER },
	{ "1ms", LEASE_MIN_MS },
	{ "0.001", LEASE_MIN_MS },
	{ "250ms", 250 },
	{ "5m", 5 * MINUTE },
	{ "3650d", LEASE_MAX_MS },

	{ "0", INVALID },
	{ "0ms", INVALID },
	{ "0d", INVALID },
	{ "0.0001", INVALID },
	{ "3651d", INVALID },
	{ "-1", INVALID },
	{ "-1ms", INVALID },
	{ "1.5h", INVALID },
	{ "99999999999999999999", INVALID },
	{ "", INVALID },
	{ "Never", INVALID },
	{ "never ", INVALID },
	{ " never", INVALID },
	{ "nevermore", INVALID },
	{ "nev", INVALID },
	{ "forever", INVALID },
};

static const struct text printed[] = {
	{ "0.000", 0 },
	{ "0.001", 1 },
	{ "0.010", 10 },
	{ "0.999", 999 },
	{ "1.000", SECOND },
	{ "29.412", 29412 },
	{ "300.000", 5 * MINUTE },
	{ "315360000.000", LEASE_MAX_MS },
	{ "9223372036854775.807", INT64_MAX },
	{ "never", LEASE_NEVER },
	{ "0.000", -2 },
	{ "0.000", INT64_MIN },
};

static void check_parse(int (*parse)(const char *, int64_t *), const struct text *row)
{
	int64_t ms = INVALID;
	int status = parse(row->text, &ms);

	assert_int_equal(status, row->ms == INVALID ? -EINVAL : 0);
	assert_int_equal(ms, row->ms);
}

static void test_duration(void **state)
{
	check_parse(duration_parse, *state);
}

static void test_lease(void **state)
{
	check_parse(lease_parse, *state);
}

static void test_print(void **state)
{
	const struct text *row = *state;
	char text[DURATION_TEXT_MAX];

	assert_int_equal(duration_print(row->ms, text), strlen(row->text));
	assert_string_equal(text, row->text);
}

/* What is printed can be given back as it is. */
static void test_read_back(void **state)
{
	(void)state;
	for (int64_t ms = 1; ms <= LEASE_MAX_MS; ms = ms * 3 + 1) {
		char text[DURATION_TEXT_MAX];
		int64_t again = INVALID;

		duration_print(ms, text);
		assert_int_equal(lease_parse(text, &again), 0);
		assert_int_equal(again, ms);
	}
}

static struct CMUnitTest tests[COUNT(durations) + COUNT(leases) + COUNT(printed) + 1];
static size_t test_count;

static void add(const char *format, const char *text, CMUnitTestFunction function, const struct text *row)
{
	char *name = NULL;

	if (asprintf(&name, format, text) < 0)
		abort();
	/* A name is one line of the report. */
	for (char *at = name; *at; at++)
		if (*at == '\n')
			*at = '~';
	tests[test_count++] = (struct CMUnitTest){
		.name = name, .test_func = function, .initial_state = (void *)row,
	};
}

int main(void)
{
	for (size_t i = 0; i < COUNT(durations); i++)
		add("duration '%s'", durations[i].text, test_duration, &durations[i]);
	for (size_t i = 0; i < COUNT(leases); i++)
		add("lease '%s'", leases[i].text, test_lease, &leases[i]);
	for (size_t i = 0; i < COUNT(printed); i++)
		add("prints '%s'", printed[i].text, test_print, &printed[i]);
	add("%s can be read back", "what is printed", test_read_back, NULL);
	return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
