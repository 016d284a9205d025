/* Prints times, words and strings of JSON, with all that is not printable escaped. */
#include "fs/util/line_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/util/printable.h"

#define US_PER_S INT64_C(1000000)

char *line_put_time(char *at, int64_t time_us)
{
	time_t seconds = time_us / US_PER_S;
	struct tm utc;
	size_t length;

	if (!gmtime_r(&seconds, &utc))
		return stpcpy(at, LINE_NOTHING);
	length = strftime(at, 40, "%Y-%m-%dT%H:%M:%S", &utc);
	return at + length + snprintf(at + length, 8, ".%03dZ", (int)(time_us % US_PER_S / 1000));
}

/* Is it ASCII that no text of a field or of JSON needs to escape? Most bytes are, and the rest takes long to decide. */
static bool is_simple(char byte)
{
	return byte > ' ' && byte < 0x7f && byte != '\\' && byte != '"';
}

/* Returns the length of the character at `text` if it needs no escape in a field; otherwise 0. */
static size_t plain_length(const char *text, size_t left)
{
	if (is_simple(*text))
		return 1;
	return *text == ' ' || *text == '\\' ? 0 : printable_length(text, left);
}

char *line_put_field(char *at, const char *field, size_t most)
{
	size_t length = field ? strnlen(field, most) : 0;
	bool is_dash = length == 1 && *field == '-';

	if (length == 0)
		return stpcpy(at, LINE_NOTHING);
	for (size_t i = 0; i < length;) {
		size_t plain = is_dash ? 0 : plain_length(field + i, length - i);

		if (plain > 0) {
			at = (char *)memcpy(at, field + i, plain) + plain;
			i += plain;
		} else {
			at = escape_byte(at, (unsigned char)field[i++]);
		}
	}
	*at = '\0';
	return at;
}

/* A byte that is no UTF-8 becomes a lone surrogate, as Python decodes it (surrogateescape). */
#define LONE_BYTE 0xdc00

/* Escapes a character that a terminal must not get, by its UTF-16 code units, as JSON requires. */
static char *put_code_units(char *at, const char *text, size_t size)
{
	unsigned int code = utf8_code_point(text, size);

	if (code < 0x10000)
		return at + snprintf(at, 7, "\\u%04x", code);
	code -= 0x10000;
	return at + snprintf(at, 13, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

char *line_put_json_string(char *at, const char *string, size_t most)
{
	size_t length = string ? strnlen(string, most) : 0;

	if (!string)
		return stpcpy(at, "null");
	*at++ = '"';
	for (size_t i = 0; i < length;) {
		size_t size;

		if (is_simple(string[i])) {
			*at++ = string[i++];
			continue;
		}
		size = utf8_length(string + i, length - i);
		if (size == 0) {
			at += snprintf(at, 7, "\\u%04x", LONE_BYTE + (unsigned char)string[i++]);
		} else if (printable_length(string + i, length - i) == 0) {
			at = put_code_units(at, string + i, size);
			i += size;
		} else {
			if (string[i] == '"' || string[i] == '\\')
				*at++ = '\\';
			at = (char *)memcpy(at, string + i, size) + size;
			i += size;
		}
	}
	return stpcpy(at, "\"");
}
