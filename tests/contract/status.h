/* The status of a backend: each question is answered once, and the answer has a promise for each risk. */
#ifndef TESTS_CONTRACT_STATUS_H
#define TESTS_CONTRACT_STATUS_H

#include "tests/contract/judging.h"

#define ASKERS 50

/* The answers to one or more questions. */
struct status_answers {
	size_t count, wanted;
	int status;           /* of the last one */
	bool up;
	size_t mount_count;
	int64_t mounts_silent;
	char source[BACKEND_PROBLEM_MAX];
};

static void check_promises(const struct backend_status *answer)
{
	static const char *const words[] = { "kept", "reclaimed", "lost", "unknown" };

	for (enum risk risk = 0; risk < RISK_COUNT; risk++) {
		const struct promise *promise = &answer->promises[risk];
		size_t i = 0;

		while (i < COUNT(words) && strcmp(words[i], promise->word) != 0)
			i++;
		assert_true(i < COUNT(words));
		assert_non_null(promise->reason);
	}
}

static void on_status_told(void *ctx, int status, const struct backend_status *answer)
{
	struct status_answers *answers = ctx;

	answers->count++;
	answers->status = status;
	assert_int_equal(status == 0, answer != NULL);
	if (!answer)
		return;
	answers->up = answer->up;
	answers->mount_count = answer->mount_count;
	answers->mounts_silent = answer->mounts_silent;
	snprintf(answers->source, sizeof(answers->source), "%s", answer->source);
	check_promises(answer);
}

static bool are_all_told(const void *ctx)
{
	const struct status_answers *answers = ctx;

	return answers->count == answers->wanted;
}

static void await_statuses(struct mount *mount, struct status_answers *answers, size_t count)
{
	answers->wanted = count;
	await(mount, are_all_told, answers, "the status");
}

static void test_status(void **state)
{
	struct mount *mount = *state;
	struct status_answers answers = { .count = 0 };

	backend_status(mount->backend, on_status_told, &answers);
	await_statuses(mount, &answers, 1);
	assert_int_equal(answers.status, 0);
	assert_true(answers.up);
	assert_int_equal(answers.mounts_silent, 0);
	assert_int_equal(answers.mount_count, 0);
	assert_int_equal(strncmp(answers.source, contract_source, strcspn(contract_source, ":")), 0);
}

static void test_all_who_ask_are_answered(void **state)
{
	struct mount *mount = *state;
	struct status_answers answers = { .count = 0 };

	for (size_t i = 0; i < ASKERS; i++)
		backend_status(mount->backend, on_status_told, &answers);
	await_statuses(mount, &answers, ASKERS);
	assert_int_equal(answers.status, 0);
}

static void test_close_answers_who_asks(void **state)
{
	struct mount *mount = *state;
	struct status_answers answers = { .count = 0 };

	backend_status(mount->backend, on_status_told, &answers);
	backend_status(mount->backend, on_status_told, &answers);
	mount_close(mount);
	assert_int_equal(answers.count, 2);
	assert_true(answers.status == 0 || answers.status == -ESHUTDOWN);
}

static const struct CMUnitTest status_tests[] = {
	TEST(status),
	TEST(all_who_ask_are_answered),
	TEST(close_answers_who_asks),
};

#endif
