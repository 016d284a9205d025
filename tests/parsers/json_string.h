/*
 * Reads the escapes \uXXXX of a JSON string as `.events.json` writes them, so that
 * tests can compare what is told with the bytes it stands for.
 */
#ifndef TESTS_PARSERS_JSON_STRING_H
#define TESTS_PARSERS_JSON_STRING_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline unsigned int json_code_unit(const char *escape)
{
	char digits[5] = { escape[2], escape[3], escape[4], escape[5], '\0' };

	return strspn(digits, "0123456789abcdef") == 4 ? (unsigned int)strtoul(digits, NULL, 16) : 0;
}

/*
 * Writes the bytes that the escape at *at stands for, and moves behind it. \udc80 to
 * \udcff alone is a byte that is no UTF-8, as Python's surrogateescape has it.
 */
static inline char *json_read_escape(const char **at, char *bytes)
{
	unsigned int code = json_code_unit(*at);

	*at += 6;
	if (code >= 0xd800 && code < 0xdc00) {
		code = 0x10000 + ((code - 0xd800) << 10) + (json_code_unit(*at) - 0xdc00);
		*at += 6;
	} else if (code < 0x80 || (code >= 0xdc80 && code <= 0xdcff)) {
		*bytes++ = (char)code;
		return bytes;
	}
	if (code >= 0x10000) {
		*bytes++ = (char)(0xf0 | code >> 18);
		*bytes++ = (char)(0x80 | (code >> 12 & 0x3f));
	} else if (code >= 0x800) {
		*bytes++ = (char)(0xe0 | code >> 12);
	} else {
		*bytes++ = (char)(0xc0 | code >> 6);
		*bytes++ = (char)(0x80 | (code & 0x3f));
		return bytes;
	}
	*bytes++ = (char)(0x80 | (code >> 6 & 0x3f));
	*bytes++ = (char)(0x80 | (code & 0x3f));
	return bytes;
}

#endif
