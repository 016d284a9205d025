#include "fs/event_line.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lockfs/duration.h"
#include "lockfs/lock.h"

#define US_PER_S INT64_C(1000000)
#define NOTHING "-"

/* The longest that a byte can become: `\u001b` in JSON. */
#define GROWTH_MAX 6
#define OTHER_FIELDS_MAX 512
_Static_assert((LOCK_KEY_MAX + EVENT_OWNER_MAX) * GROWTH_MAX + OTHER_FIELDS_MAX <= EVENT_LINE_MAX,
	"the longest line has room");

static const char *const words[] = {
	[EVENT_ACQUIRED] = "ACQUIRED",
	[EVENT_UNAVAILABLE] = "UNAVAILABLE",
	[EVENT_RELEASED] = "RELEASED",
	[EVENT_FAILED_RELEASE] = "FAILED_RELEASE",
	[EVENT_FORCE_RELEASED] = "FORCE_RELEASED",
	[EVENT_REFRESHED] = "REFRESHED",
	[EVENT_FAILED_REFRESH] = "FAILED_REFRESH",
	[EVENT_EXPIRED] = "EXPIRED",
	[EVENT_UNEXPECTED_ERROR] = "UNEXPECTED_ERROR",
	[EVENT_GAP] = "GAP",
	[EVENT_LOST] = "LOST",
};

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

/* `.` is the root directory, which no lock can be called. */
static const char *shown_key(const struct lock_event *event)
{
	return event->key && !*event->key ? "." : event->key;
}

static bool has_token(const struct lock_event *event)
{
	return event->token != 0 && !event->foreign;
}

/* Text */

static bool is_plain(unsigned char byte)
{
	return byte > ' ' && byte != '\\' && byte != 0x7f;
}

/* As in /proc/mounts; what would be taken for nothing is written so too. */
static char *print_field(char *at, const char *field, size_t most)
{
	size_t length = field ? strnlen(field, most) : 0;
	bool is_dash = length == 1 && *field == '-';

	*at++ = '\t';
	if (length == 0)
		return stpcpy(at, NOTHING);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)field[i];

		if (is_plain(byte) && !is_dash)
			*at++ = field[i];
		else
			at += snprintf(at, 5, "\\%03o", byte);
	}
	return at;
}

static char *print_text(char *at, const struct lock_event *event)
{
	at = print_time(at, event->time_us);
	*at++ = '\t';
	at = stpcpy(at, words[event->kind]);
	at = print_field(at, shown_key(event), LOCK_KEY_MAX);
	at = print_field(at, event->owner, EVENT_OWNER_MAX);
	*at++ = '\t';
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, NOTHING);
	*at++ = '\t';
	at = event->ttl_ms == LEASE_UNSET ? stpcpy(at, NOTHING) : print_ttl(at, event->ttl_ms);
	if (event->kind == EVENT_UNEXPECTED_ERROR)
		at += snprintf(at, 128, "\toperation=%s\terror=%s", event->operation, error_name(event->status));
	if (event->kind == EVENT_LOST)
		at = print_number(stpcpy(at, "\tlost="), event->lost);
	return at;
}

/* JSON */

/* The length of the character at `text`, at most `left` bytes; 0: that is no UTF-8. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char mask, lead, second_min, second_max;
		size_t length;
	} forms[] = {
		{ 0x80, 0x00, 0, 0, 1 },
		{ 0xff, 0xe0, 0xa0, 0xbf, 3 }, /* not in more bytes than are needed, */
		{ 0xff, 0xed, 0x80, 0x9f, 3 }, /* no halves of UTF-16, */
		{ 0xff, 0xf0, 0x90, 0xbf, 4 },
		{ 0xff, 0xf4, 0x80, 0x8f, 4 }, /* and nothing beyond the last character */
		{ 0xe0, 0xc0, 0x80, 0xbf, 2 },
		{ 0xf0, 0xe0, 0x80, 0xbf, 3 },
		{ 0xfc, 0xf0, 0x80, 0xbf, 4 },
	};
	size_t form = 0;

	while (form < sizeof(forms) / sizeof(forms[0]) && (text[0] & forms[form].mask) != forms[form].lead)
		form++;
	if (form == sizeof(forms) / sizeof(forms[0]) || forms[form].length > left || text[0] == 0xc0 || text[0] == 0xc1)
		return 0;
	if (forms[form].length > 1 && (text[1] < forms[form].second_min || text[1] > forms[form].second_max))
		return 0;
	for (size_t i = 2; i < forms[form].length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return forms[form].length;
}

/* A byte that is no UTF-8 becomes the half of a pair that Python reads it as. */
#define LONE_BYTE 0xdc00

static char *print_string(char *at, const char *string, size_t most)
{
	size_t length = string ? strnlen(string, most) : 0;
	const unsigned char *text = (const unsigned char *)string;

	if (!string)
		return stpcpy(at, "null");
	*at++ = '"';
	for (size_t i = 0; i < length;) {
		size_t size = utf8_length(text + i, length - i);

		if (size == 0) {
			at += snprintf(at, 7, "\\u%04x", LONE_BYTE + text[i++]);
		} else if (text[i] < ' ' || text[i] == 0x7f) {
			at += snprintf(at, 7, "\\u%04x", text[i++]);
		} else {
			if (text[i] == '"' || text[i] == '\\')
				*at++ = '\\';
			at = (char *)memcpy(at, text + i, size) + size;
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
	at = stpcpy(stpcpy(at, "\",\"event\":\""), words[event->kind]);
	at = print_string(stpcpy(at, "\",\"key\":"), shown_key(event), LOCK_KEY_MAX);
	at = print_string(stpcpy(at, ",\"owner\":"), event->owner, EVENT_OWNER_MAX);
	at = stpcpy(at, ",\"token\":");
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, "null");
	at = print_json_ttl(stpcpy(at, ",\"ttl\":"), event->ttl_ms);
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
