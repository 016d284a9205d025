/* Calls of scripts: named arguments as the server unpacks them, and a call with more arguments than it has room for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "backend/redis/calls/packed_table.h"
#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reclaim/reclaim.h"

static void test_bytes_of_a_table(void **state)
{
	static const char wanted[] = "\xde\x00\x03"
		"\xa2id\xa3""a\xff\x01"
		"\xa3ttl\xa2-1"
		"\xa5waits\xa1" "1";
	struct packed_table table = { 0 };

	(void)state;
	packed_table_add_text(&table, "id", "a\xff\x01");
	packed_table_add_number(&table, "ttl", -1);
	packed_table_add_text(&table, "waits", "1");
	assert_int_equal(table.size, sizeof(wanted) - 1);
	assert_memory_equal(table.bytes, wanted, table.size);
	packed_table_free(&table);
}

static void test_empty_and_absent_texts_are_the_same(void **state)
{
	static const char wanted[] = "\xde\x00\x02\xa1" "a\xa0\xa1" "b\xa0";
	struct packed_table table = { 0 };

	(void)state;
	packed_table_add_text(&table, "a", NULL);
	packed_table_add_text(&table, "b", "");
	assert_int_equal(table.size, sizeof(wanted) - 1);
	assert_memory_equal(table.bytes, wanted, table.size);
	packed_table_free(&table);
}

/* 31 bytes have their length in one byte, 32 in five; and the table grows beyond its first memory. */
static void test_texts_of_every_length(void **state)
{
	static char text[70001];

	(void)state;
	for (size_t length = 0; length < sizeof(text); length = length < 40 ? length + 1 : length * 2 + 1) {
		struct packed_table table = { 0 };
		const unsigned char *at;
		size_t header = length <= 31 ? 1 : 5;

		memset(text, 'x', length);
		text[length] = '\0';
		packed_table_add_text(&table, "f", text);
		assert_int_equal(table.size, 3 + 2 + header + length);
		at = (const unsigned char *)table.bytes + 5;
		if (header == 1)
			assert_int_equal(*at, 0xa0 | length);
		else
			assert_int_equal((size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4], length);
		assert_memory_equal(at + header, text, length);
		packed_table_free(&table);
	}
}

static void test_too_many_fields_fail(void **state)
{
	struct packed_table table = { 0 };

	(void)state;
	for (int i = 0; i < 65535; i++)
		packed_table_add_text(&table, "f", "");
	assert_false(table.failed);
	packed_table_add_text(&table, "f", "");
	assert_true(table.failed);
	packed_table_add_text(&table, "f", "");
	assert_null(table.bytes);
	packed_table_free(&table);
}

/* Calls over a connection that is never started */

struct outcome {
	int calls;
	int status;
};

static void on_done(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct outcome *outcome = call->ctx;

	(void)age_ms;
	assert_null(reply);
	outcome->calls++;
	outcome->status = status;
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_lost(void *ctx, const char *problem)
{
	(void)ctx;
	(void)problem;
}

static void on_acquired(void *ctx, const char *key)
{
	(void)ctx;
	(void)key;
}

enum argument { TEXT, NUMBER, TOKEN, TABLE, ARGUMENT_KINDS };

static void add(struct script_call *call, enum argument kind)
{
	struct packed_table table = { 0 };

	switch (kind) {
	case TEXT:
		script_call_add_text(call, "text");
		break;
	case NUMBER:
		script_call_add_number(call, INT64_MIN);
		break;
	case TOKEN:
		script_call_add_token(call, UINT64_MAX);
		break;
	default:
		packed_table_add_text(&table, "field", "text");
		script_call_add_table(call, &table);
	}
}

/* Starts a call with this many arguments of its script, the last of them of `kind`. */
static struct outcome start(struct script_calls *calls, int count, enum argument kind)
{
	struct outcome outcome = { 0 };
	struct script_call *call = script_call_new(calls, SCRIPT_READ, "job");

	for (int i = 1; i < count; i++)
		script_call_add_text(call, "text");
	add(call, kind);
	call->done = on_done;
	call->ctx = &outcome;
	script_call_start(call);
	if (outcome.calls == 0)
		script_calls_close(calls);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static struct reclaim *reclaim; /* of the calls that are open */

static void on_up(void *ctx, bool has_new_epoch)
{
	(void)ctx;
	(void)has_new_epoch;
}

static struct script_calls *open_calls(uv_loop_t *loop, const struct redis_url *url)
{
	static struct backend_config config;
	const struct script_calls_handlers handlers = {
		.on_up = on_up,
		.on_down = on_lost,
		.on_acquire_answered = on_acquired,
		.on_freed = on_nothing,
	};

	uv_loop_init(loop);
	config = (struct backend_config){ .loop = loop, .namespace_ = "test", .timeout_ms = 1000 };
	reclaim = reclaim_new(&config, url, "mount", NULL, NULL);
	return script_calls_new(&config, url, NULL, "mount", reclaim, &handlers);
}

static void close_loop(uv_loop_t *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	reclaim_free(reclaim);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void test_one_argument_too_many_fails_the_call(void **state)
{
	static char name[] = "redis://nowhere";
	const struct redis_url url = { .name = name };
	uv_loop_t loop;
	struct script_calls *calls = open_calls(&loop, &url);

	(void)state;
	for (enum argument kind = 0; kind < ARGUMENT_KINDS; kind++) {
		assert_int_equal(start(calls, CALL_ARGUMENTS_MAX - CALL_COMMON_ARGUMENTS + 1, kind).status, -E2BIG);
		assert_int_equal(start(calls, 1000, kind).status, -E2BIG);
	}
	script_calls_close(calls);
	close_loop(&loop);
}

static void test_a_second_table_fails_the_call(void **state)
{
	static char name[] = "redis://nowhere";
	const struct redis_url url = { .name = name };
	uv_loop_t loop;
	struct script_calls *calls = open_calls(&loop, &url);
	struct outcome outcome = { 0 };
	struct script_call *call = script_call_new(calls, SCRIPT_READ, "job");

	(void)state;
	add(call, TABLE);
	add(call, TABLE);
	call->done = on_done;
	call->ctx = &outcome;
	script_call_start(call);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.status, -E2BIG);
	script_calls_close(calls);
	close_loop(&loop);
}

static void test_as_many_arguments_as_there_is_room_for_are_sent(void **state)
{
	static char name[] = "redis://nowhere";
	const struct redis_url url = { .name = name };

	(void)state;
	for (enum argument kind = 0; kind < ARGUMENT_KINDS; kind++) {
		uv_loop_t loop;
		struct script_calls *calls = open_calls(&loop, &url);

		assert_int_equal(start(calls, CALL_ARGUMENTS_MAX - CALL_COMMON_ARGUMENTS, kind).status, -ESHUTDOWN);
		close_loop(&loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_a_table),
		cmocka_unit_test(test_empty_and_absent_texts_are_the_same),
		cmocka_unit_test(test_texts_of_every_length),
		cmocka_unit_test(test_too_many_fields_fail),
		cmocka_unit_test(test_one_argument_too_many_fails_the_call),
		cmocka_unit_test(test_a_second_table_fails_the_call),
		cmocka_unit_test(test_as_many_arguments_as_there_is_room_for_are_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
