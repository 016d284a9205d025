/*
 * Fuzz target: events as lines. The line of any event is one line, and its fields can be
 * read back. The input is the numbers of an event, then its key, a NUL and its owner.
 */
#include <locale.h>
#include <wchar.h>

#include "fs/events/event_line.h"
#include "fs/util/printable.h"
#include "lockfs/lock.h"
#include "tests/fuzz/fuzz.h"
#include "tests/parsers/json_string.h"

enum flag { HAS_KEY = 1, HAS_OWNER = 2, IS_FOREIGN = 4 };

/* Reads a field up to the TAB or newline behind it, and moves behind that. */
static void read_field(const char **at, char *field)
{
	for (; **at != '\t' && **at != '\n'; field++) {
		require((unsigned char)**at > ' ' && **at != 0x7f, "what is not plain is escaped");
		if (**at == '\\') {
			char digits[4] = { (*at)[1], (*at)[2], (*at)[3], '\0' };

			require(strspn(digits, "01234567") == 3, "it is escaped by three digits");
			*field = (char)strtoul(digits, NULL, 8);
			*at += 4;
		} else {
			*field = *(*at)++;
		}
	}
	*field = '\0';
	++*at;
}

/* Is it the text, or as much of it as is told? */
static bool is_told(const char *field, const char *text, size_t most)
{
	size_t length = strnlen(text, most);

	return strlen(field) == length && strncmp(field, text, length) == 0;
}

static void check_field(const char **at, const char *text, size_t most)
{
	char field[EVENT_LINE_MAX];
	bool is_nothing = strncmp(*at, "-\t", 2) == 0;

	require(is_nothing == !(text && *text), "a dash alone is nothing");
	read_field(at, field);
	require(is_nothing || is_told(field, text, most), "a field can be read back");
}

/* Nothing in a line acts on the terminal that it is shown on; a TAB stands between fields. */
static void require_shown(const char *line, size_t length)
{
	size_t size;

	for (size_t i = 0; i < length; i += size) {
		size = line[i] == '\t' ? 1 : printable_length(line + i, length - i);
		require(size > 0, "a terminal shows it as it is");
	}
}

static void check_text(const struct lock_event *event)
{
	char line[EVENT_LINE_MAX], field[EVENT_LINE_MAX];
	size_t length = event_line_print(event, EVENT_TEXT, line);
	const char *at = line;
	size_t fields = 0;

	require(length < sizeof(line) && length == strlen(line), "a line has its length");
	require(strchr(line, '\n') == line + length - 1, "a line is one");
	require_shown(line, length - 1);
	read_field(&at, field); /* the time */
	read_field(&at, field);
	require(*field != '\0', "an event has a kind");
	check_field(&at, event->key && !*event->key ? "." : event->key, LOCK_KEY_MAX);
	check_field(&at, event->owner, EVENT_OWNER_MAX);
	read_field(&at, field);
	require(strcmp(field, "-") == 0 ? event->token == 0 || event->foreign
	                                : strtoull(field, NULL, 10) == event->token,
		"a token can be read back");
	for (; at < line + length; fields++)
		read_field(&at, field);
	require(fields >= 1 && fields <= 3, "a lease follows, and at most two fields more");
}

/* A string of JSON, up to its end, as the bytes it stands for. */
static void read_string(const char **at, char *bytes)
{
	require(*(*at)++ == '"', "a string begins");
	while (**at != '"') {
		require((unsigned char)**at >= ' ', "control characters are escaped");
		if (**at != '\\') {
			*bytes++ = *(*at)++;
		} else if ((*at)[1] != 'u') {
			require((*at)[1] == '"' || (*at)[1] == '\\', "nothing else needs a backslash");
			*bytes++ = (*at)[1];
			*at += 2;
		} else {
			require(strspn(*at + 2, "0123456789abcdef") >= 4, "it is escaped by four digits");
			bytes = json_read_escape(at, bytes);
		}
	}
	*bytes = '\0';
	++*at;
}

static void check_member(const char *line, const char *name, const char *text, size_t most)
{
	char bytes[EVENT_LINE_MAX];
	const char *at = strstr(line, name);

	require(at != NULL, "it is told");
	at += strlen(name);
	if (!text) {
		require(strncmp(at, "null", 4) == 0, "nothing is null");
		return;
	}
	read_string(&at, bytes);
	require(is_told(bytes, text, most), "a string can be read back");
}

static void check_json(const struct lock_event *event)
{
	char line[EVENT_LINE_MAX];
	size_t length = event_line_print(event, EVENT_JSON, line);

	require(length < sizeof(line) && length == strlen(line), "a line has its length");
	require(strchr(line, '\n') == line + length - 1, "a line is one");
	require(mbstowcs(NULL, line, 0) != (size_t)-1, "JSON is UTF-8");
	require_shown(line, length - 1);
	check_member(line, "\"key\":", event->key && !*event->key ? "." : event->key, LOCK_KEY_MAX);
	check_member(line, "\"owner\":", event->owner, EVENT_OWNER_MAX);
	require(strcmp(line + length - 2, "}\n") == 0, "an object ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lock_event event = { .operation = "configure_dir" };
	uint8_t kind, flags;
	char *text;

	setlocale(LC_CTYPE, "C.UTF-8");
	take_bytes(&data, &size, &kind, 1);
	take_bytes(&data, &size, &flags, 1);
	event.kind = kind % (EVENT_LOST + 1);
	event.foreign = flags & IS_FOREIGN;
	event.token = (uint64_t)take_number(&data, &size);
	event.ttl_ms = take_number(&data, &size);
	event.time_us = take_number(&data, &size);
	event.status = -(int)(take_number(&data, &size) & 0xff);
	event.lost = event.token;
	text = text_of(data, size);
	if (flags & HAS_KEY)
		event.key = text;
	if ((flags & HAS_OWNER) && strlen(text) < size)
		event.owner = text + strlen(text) + 1;
	check_text(&event);
	check_json(&event);
	free(text);
	return 0;
}
