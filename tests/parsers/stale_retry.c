/* Which calls are recognized as repetitions after ESTALE, whatever other users do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fs/names/stale_retry.h"

/* More calls than are remembered of one user. */
#define MANY 5000

static const struct fuse_ctx mine = { .pid = 10, .uid = 1000 };
static const struct fuse_ctx others = { .pid = 20, .uid = 2000 };

static void answer_stale(struct stale_retries *retries, const struct fuse_ctx *caller, int number)
{
	char key[32];

	snprintf(key, sizeof(key), "job%d", number);
	assert_int_equal(stale_retry_or(retries, caller, key, 0, -EBUSY), -ESTALE);
}

static void test_calls_of_one_user_do_not_displace_those_of_another(void **state)
{
	struct stale_retries retries = { 0 };

	(void)state;
	answer_stale(&retries, &mine, 0);
	for (int i = 0; i < MANY; i++)
		answer_stale(&retries, &others, i);
	assert_int_equal(stale_retry_or(&retries, &mine, "job0", 0, -EBUSY), -EBUSY);
	stale_retries_free(&retries);
	assert_null(retries.users);
}

static void test_a_user_has_a_bounded_number_of_calls_and_the_latest_count(void **state)
{
	struct stale_retries retries = { 0 };

	(void)state;
	for (int i = 0; i < MANY; i++)
		answer_stale(&retries, &mine, i);
	assert_int_equal(stale_retry_or(&retries, &mine, "job4999", 0, -EBUSY), -EBUSY);
	assert_int_equal(stale_retry_or(&retries, &mine, "job0", 0, -EBUSY), -ESTALE);
	stale_retries_free(&retries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_of_one_user_do_not_displace_those_of_another),
		cmocka_unit_test(test_a_user_has_a_bounded_number_of_calls_and_the_latest_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
