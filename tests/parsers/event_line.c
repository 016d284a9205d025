/* Lines of events: whatever the bytes, one line, from which each field can be read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/events/event_line.h"
#include "fs/util/printable.h"
#include "lockfs/lock.h"
#include "tests/parsers/json_string.h"

#define ROUNDS 20000

static uint32_t state = 1;

/* The same numbers in each run. */
static uint32_t number(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

/* Bytes of all kinds, more often those that mean something. */
static void fill(char *text, size_t most)
{
	static const char special[] =
		" \t\n\\\"-\x01\x7f\x80\xc2\xe2\x82\xac\xed\xa0\xf0\xf4\xff/u\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81";
	size_t length = number(4) ? number(12) + 1 : number((uint32_t)most) + 1;

	for (size_t i = 0; i < length; i++)
		text[i] = number(2) ? special[number(sizeof(special) - 1)] : (char)(number(255) + 1);
	text[length] = '\0';
}

/* Reads a field up to the TAB or newline behind it, and moves behind that. */
static void read_field(const char **at, char *field)
{
	while (**at != '\t' && **at != '\n') {
		if (**at == '\\') {
			char digits[4] = { (*at)[1], (*at)[2], (*at)[3], '\0' };

			*field++ = (char)strtoul(digits, NULL, 8);
			*at += 4;
		} else {
			assert_true((unsigned char)**at > ' ');
			*field++ = *(*at)++;
		}
	}
	*field = '\0';
	++*at;
}

static void check_text(const struct lock_event *event)
{
	char line[EVENT_LINE_MAX], field[EVENT_LINE_MAX];
	size_t length = event_line_print(event, EVENT_TEXT, line);
	const char *at = line;

	assert_int_equal(length, strlen(line));
	assert_ptr_equal(strchr(line, '\n'), line + length - 1);
	read_field(&at, field);
	assert_int_equal(strlen(field), strlen("2026-11-25T00:54:30.484Z"));
	read_field(&at, field);
	assert_string_equal(field, "REFRESHED");
	read_field(&at, field);
	assert_string_equal(field, event->key);
	read_field(&at, field);
	assert_string_equal(field, event->owner);
	read_field(&at, field);
	assert_int_equal(strtoull(field, NULL, 10), event->token);
	read_field(&at, field);
	assert_int_equal(at - line, length);
}

/* A string of JSON, up to its end, as the bytes it stands for. */
static void read_string(const char **at, char *bytes)
{
	assert_int_equal(*(*at)++, '"');
	while (**at != '"') {
		assert_true((unsigned char)**at >= ' ');
		if (**at != '\\') {
			*bytes++ = *(*at)++;
		} else if ((*at)[1] != 'u') {
			*bytes++ = (*at)[1];
			*at += 2;
		} else {
			char *end = json_read_escape(at, bytes);

			/* Nothing is escaped that need not be. */
			assert_int_equal(printable_length(bytes, (size_t)(end - bytes)), 0);
			bytes = end;
		}
	}
	*bytes = '\0';
	++*at;
}

static void expect_next(const char **at, const char *text)
{
	assert_memory_equal(*at, text, strlen(text));
	*at += strlen(text);
}

static void check_json(const struct lock_event *event)
{
	char line[EVENT_LINE_MAX], bytes[EVENT_LINE_MAX];
	size_t length = event_line_print(event, EVENT_JSON, line);
	const char *at = line;

	assert_int_equal(length, strlen(line));
	expect_next(&at, "{\"time\":");
	read_string(&at, bytes);
	expect_next(&at, ",\"event\":\"REFRESHED\",\"key\":");
	read_string(&at, bytes);
	assert_string_equal(bytes, event->key);
	expect_next(&at, ",\"owner\":");
	read_string(&at, bytes);
	assert_string_equal(bytes, event->owner);
	expect_next(&at, ",\"token\":");
	assert_string_equal(line + length - 2, "}\n");
}

static void test_any_bytes(void **unused)
{
	char key[LOCK_KEY_MAX + 1], owner[EVENT_OWNER_MAX + 1];

	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		struct lock_event event = {
			.kind = EVENT_REFRESHED,
			.key = key,
			.owner = owner,
			.token = number(UINT32_MAX) + UINT64_C(1),
			.ttl_ms = number(3) ? (int64_t)number(UINT32_MAX) + 1 : LEASE_NEVER,
			.time_us = INT64_C(1795568070484812) + number(UINT32_MAX),
		};

		fill(key, LOCK_KEY_MAX - 1);
		fill(owner, EVENT_OWNER_MAX - 1);
		check_text(&event);
		check_json(&event);
	}
}

/* What a terminal must never get is escaped in both forms, and what it shows is not. */
static void test_terminal(void **unused)
{
	static const struct {
		const char *name, *text, *json;
	} rows[] = {
		{ "\x1b[31m", "\\033[31m", "\\u001b[31m" },
		{ "a\nb\tc", "a\\012b\\011c", "a\\u000ab\\u0009c" },
		{ "\xc2\x9b" "31m", "\\302\\23331m", "\\u009b31m" },
		{ "\x9b" "31m", "\\23331m", "\\udc9b31m" },
		{ "\xe2\x80\xae" "gpj.exe", "\\342\\200\\256gpj.exe", "\\u202egpj.exe" },
		{ "\xe2\x81\xa6", "\\342\\201\\246", "\\u2066" },
		{ "\xe2\x80\xa8", "\\342\\200\\250", "\\u2028" },
		{ "\xf3\xa0\x81\x81", "\\363\\240\\201\\201", "\\udb40\\udc41" },
		{ "j\xc3\xb6" "b-\xe2\x82\xac-\xf0\x9f\x94\x92", "j\xc3\xb6" "b-\xe2\x82\xac-\xf0\x9f\x94\x92",
			"j\xc3\xb6" "b-\xe2\x82\xac-\xf0\x9f\x94\x92" },
	};
	char line[EVENT_LINE_MAX], wanted[EVENT_LINE_MAX];

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lock_event event = { .kind = EVENT_EXPIRED, .key = rows[i].name, .owner = rows[i].name };

		event_line_print(&event, EVENT_TEXT, line);
		snprintf(wanted, sizeof(wanted), "\tEXPIRED\t%s\t%s\t", rows[i].text, rows[i].text);
		assert_non_null(strstr(line, wanted));
		event_line_print(&event, EVENT_JSON, line);
		snprintf(wanted, sizeof(wanted), "\"key\":\"%s\",\"owner\":\"%s\"", rows[i].json, rows[i].json);
		assert_non_null(strstr(line, wanted));
	}
}

/* A text that does not fit is cut off between characters and escapes. */
static void test_cut(void **unused)
{
	static const char text[] = "\xe2\x82\xac\x1b" "a";
	static const char *const fits[] = { "", "", "", "", "\xe2\x82\xac", "\xe2\x82\xac", "\xe2\x82\xac", "\xe2\x82\xac",
		"\xe2\x82\xac\\033", "\xe2\x82\xac\\033a" };
	char to[16];

	(void)unused;
	for (size_t room = 1; room < sizeof(fits) / sizeof(fits[0]); room++) {
		assert_int_equal(print_escaped(text, strlen(text), to, room), strlen(fits[room]));
		assert_string_equal(to, fits[room]);
	}
}

static void test_longest(void **unused)
{
	char key[3 * LOCK_KEY_MAX], owner[3 * EVENT_OWNER_MAX], line[EVENT_LINE_MAX];
	struct lock_event event = {
		.kind = EVENT_UNEXPECTED_ERROR,
		.key = key,
		.owner = owner,
		.token = UINT64_MAX,
		.ttl_ms = INT64_MAX,
		.time_us = INT64_MAX,
		.status = -2147483647,
		.operation = "configure_dir",
	};

	(void)unused;
	memset(key, '\x01', sizeof(key) - 1);
	memset(owner, '\xff', sizeof(owner) - 1);
	key[sizeof(key) - 1] = owner[sizeof(owner) - 1] = '\0';
	for (enum event_format format = EVENT_TEXT; format <= EVENT_JSON; format++)
		assert_true(event_line_print(&event, format, line) < EVENT_LINE_MAX);
}

static void test_what_is_not_known(void **unused)
{
	static const struct {
		struct lock_event event;
		const char *text, *json;
	} rows[] = {
		{ { .kind = EVENT_FAILED_RELEASE, .key = "job" },
			"1970-01-01T00:00:00.000Z\tFAILED_RELEASE\tjob\t-\t-\t-\n",
			"{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"FAILED_RELEASE\",\"key\":\"job\",\"owner\":null,"
			"\"token\":null,\"ttl\":null}\n" },
		{ { .kind = EVENT_FORCE_RELEASED, .key = "-", .owner = "-", .token = 7, .ttl_ms = LEASE_NEVER },
			"1970-01-01T00:00:00.000Z\tFORCE_RELEASED\t\\055\t\\055\t7\tnever\n",
			"{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"FORCE_RELEASED\",\"key\":\"-\",\"owner\":\"-\","
			"\"token\":7,\"ttl\":\"never\",\"held\":true}\n" },
		{ { .kind = EVENT_UNEXPECTED_ERROR, .key = "", .status = -112, .operation = "list" },
			"1970-01-01T00:00:00.000Z\tUNEXPECTED_ERROR\t.\t-\t-\t-\toperation=list\terror=EHOSTDOWN\n",
			"{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"UNEXPECTED_ERROR\",\"key\":\".\",\"owner\":null,"
			"\"token\":null,\"ttl\":null,\"operation\":\"list\",\"error\":\"EHOSTDOWN\"}\n" },
		{ { .kind = EVENT_LOST, .lost = 12 },
			"1970-01-01T00:00:00.000Z\tLOST\t-\t-\t-\t-\tlost=12\n",
			"{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"LOST\",\"key\":null,\"owner\":null,\"token\":null,"
			"\"ttl\":null,\"lost\":12}\n" },
		{ { .kind = EVENT_UNAVAILABLE, .key = "job", .owner = "x", .token = 9, .foreign = true },
			"1970-01-01T00:00:00.000Z\tUNAVAILABLE\tjob\tx\t-\t-\n",
			"{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"UNAVAILABLE\",\"key\":\"job\",\"owner\":\"x\","
			"\"token\":null,\"ttl\":null}\n" },
	};
	char line[EVENT_LINE_MAX];

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event_line_print(&rows[i].event, EVENT_TEXT, line);
		assert_string_equal(line, rows[i].text);
		event_line_print(&rows[i].event, EVENT_JSON, line);
		assert_string_equal(line, rows[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
