/*
 * The two formats of event lines, documented in lockfs(5). Every byte that is no printable
 * UTF-8 is escaped. To add an event, add its word to `words`.
 */
#include "fs/events/event_line.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/util/printable.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

#define US_PER_S INT64_C(1000000)
#define NOTHING "-"

/* Longest text that one byte can become: `\u001b` in JSON. */
#define GROWTH_MAX 6
#define OTHER_FIELDS_MAX 512
_Static_assert((LOCK_KEY_MAX + EVENT_OWNER_MAX) * GROWTH_MAX + OTHER_FIELDS_MAX <= EVENT_LINE_MAX,
	"the longest line has room");

static char *print_number(char *at, uint64_t number)
{
	return at + snprintf(at, 24, "%" PRIu64, number);
}

static char *print_time(char *at, int64_t time_us)
{
	time_t seconds = time_us / US_PER_S;
	struct tm utc;
	size_t length;

	if (!gmtime_r(&seconds, &utc))
		return stpcpy(at, NOTHING);
	length = strftime(at, 40, "%Y-%m-%dT%H:%M:%S", &utc);
	return at + length + snprintf(at + length, 8, ".%03dZ", (int)(time_us % US_PER_S / 1000));
}

static char *print_ttl(char *at, int64_t ttl_ms)
{
	char text[DURATION_TEXT_MAX];

	duration_print(ttl_ms, text);
	return stpcpy(at, text);
}

/* The name of an errno, for programs. */
static const char *error_name(int status)
{
	const char *name = strerrorname_np(-status);

	return name ? name : "UNKNOWN";
}

/* The root directory is shown as `.`, which no lock can be called. */
static const char *shown_key(const struct lock_event *event)
{
	return event->key && !*event->key ? "." : event->key;
}

static bool has_token(const struct lock_event *event)
{
	return event->token != 0 && !event->foreign;
}

/* Text */

/* Returns the length of the character at `text` if it needs no escape in a field; otherwise 0. */
static size_t plain_length(const char *text, size_t left)
{
	return *text == ' ' || *text == '\\' ? 0 : printable_length(text, left);
}

/* A field that is `-` is escaped, because `-` stands for an empty field. */
static char *print_field(char *at, const char *field, size_t most)
{
	size_t length = field ? strnlen(field, most) : 0;
	bool is_dash = length == 1 && *field == '-';

	*at++ = '\t';
	if (length == 0)
		return stpcpy(at, NOTHING);
	for (size_t i = 0; i < length;) {
		size_t plain = is_dash ? 0 : plain_length(field + i, length - i);

		if (plain > 0) {
			at = (char *)memcpy(at, field + i, plain) + plain;
			i += plain;
		} else {
			at = escape_byte(at, (unsigned char)field[i++]);
		}
	}
	return at;
}

static char *print_text(char *at, const struct lock_event *event)
{
	at = print_time(at, event->time_us);
	*at++ = '\t';
	at = stpcpy(at, event_word(event->kind));
	at = print_field(at, shown_key(event), LOCK_KEY_MAX);
	at = print_field(at, event->owner, EVENT_OWNER_MAX);
	*at++ = '\t';
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, NOTHING);
	*at++ = '\t';
	at = event->ttl_ms == LEASE_UNSET ? stpcpy(at, NOTHING) : print_ttl(at, event->ttl_ms);
	if (event->form != FORM_FILE)
		at = stpcpy(stpcpy(at, "\tform="), lock_form_word(event->form));
	if (event->kind == EVENT_UNEXPECTED_ERROR)
		at += snprintf(at, 128, "\toperation=%s\terror=%s", event->operation, error_name(event->status));
	if (event->kind == EVENT_LOST)
		at = print_number(stpcpy(at, "\tlost="), event->lost);
	return at;
}

/* JSON */

/* A byte that is no UTF-8 becomes a lone surrogate, as Python decodes it (surrogateescape). */
#define LONE_BYTE 0xdc00

/* Escapes a character that a terminal must not get, by its UTF-16 code units, as JSON requires. */
static char *print_code_units(char *at, const char *text, size_t size)
{
	unsigned int code = utf8_code_point(text, size);

	if (code < 0x10000)
		return at + snprintf(at, 7, "\\u%04x", code);
	code -= 0x10000;
	return at + snprintf(at, 13, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

static char *print_string(char *at, const char *string, size_t most)
{
	size_t length = string ? strnlen(string, most) : 0;

	if (!string)
		return stpcpy(at, "null");
	*at++ = '"';
	for (size_t i = 0; i < length;) {
		size_t size = utf8_length(string + i, length - i);

		if (size == 0) {
			at += snprintf(at, 7, "\\u%04x", LONE_BYTE + (unsigned char)string[i++]);
		} else if (printable_length(string + i, length - i) == 0) {
			at = print_code_units(at, string + i, size);
			i += size;
		} else {
			if (string[i] == '"' || string[i] == '\\')
				*at++ = '\\';
			at = (char *)memcpy(at, string + i, size) + size;
			i += size;
		}
	}
	*at++ = '"';
	return at;
}

static char *print_json_ttl(char *at, int64_t ttl_ms)
{
	if (ttl_ms == LEASE_UNSET)
		return stpcpy(at, "null");
	return ttl_ms == LEASE_NEVER ? stpcpy(at, "\"never\"") : print_ttl(at, ttl_ms);
}

static char *print_json(char *at, const struct lock_event *event)
{
	at = print_time(stpcpy(at, "{\"time\":\""), event->time_us);
	at = stpcpy(stpcpy(at, "\",\"event\":\""), event_word(event->kind));
	at = print_string(stpcpy(at, "\",\"key\":"), shown_key(event), LOCK_KEY_MAX);
	at = print_string(stpcpy(at, ",\"owner\":"), event->owner, EVENT_OWNER_MAX);
	at = stpcpy(at, ",\"token\":");
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, "null");
	at = print_json_ttl(stpcpy(at, ",\"ttl\":"), event->ttl_ms);
	if (event->form != FORM_FILE)
		at = stpcpy(stpcpy(stpcpy(at, ",\"form\":\""), lock_form_word(event->form)), "\"");
	if (event->kind == EVENT_FORCE_RELEASED)
		at = stpcpy(stpcpy(at, ",\"held\":"), event->token ? "true" : "false");
	if (event->kind == EVENT_UNEXPECTED_ERROR)
		at += snprintf(at, 128, ",\"operation\":\"%s\",\"error\":\"%s\"", event->operation,
			error_name(event->status));
	if (event->kind == EVENT_LOST)
		at = print_number(stpcpy(at, ",\"lost\":"), event->lost);
	return stpcpy(at, "}");
}

size_t event_line_print(const struct lock_event *event, enum event_format format, char line[EVENT_LINE_MAX])
{
	char *at = format == EVENT_JSON ? print_json(line, event) : print_text(line, event);

	return (size_t)(stpcpy(at, "\n") - line);
}
