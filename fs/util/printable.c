/* Decodes UTF-8 strictly (RFC 3629) and knows the characters that act on a terminal. */
#include "fs/util/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t utf8_length(const char *text, size_t left)
{
	static const struct {
		unsigned char mask, lead, second_min, second_max;
		size_t length;
	} forms[] = {
		{ 0x80, 0x00, 0, 0, 1 },
		{ 0xff, 0xe0, 0xa0, 0xbf, 3 }, /* excludes overlong forms */
		{ 0xff, 0xed, 0x80, 0x9f, 3 }, /* excludes UTF-16 surrogates */
		{ 0xff, 0xf0, 0x90, 0xbf, 4 },
		{ 0xff, 0xf4, 0x80, 0x8f, 4 }, /* excludes code points above U+10FFFF */
		{ 0xe0, 0xc0, 0x80, 0xbf, 2 },
		{ 0xf0, 0xe0, 0x80, 0xbf, 3 },
		{ 0xfc, 0xf0, 0x80, 0xbf, 4 },
	};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t form = 0;

	while (form < sizeof(forms) / sizeof(forms[0]) && (bytes[0] & forms[form].mask) != forms[form].lead)
		form++;
	if (form == sizeof(forms) / sizeof(forms[0]) || forms[form].length > left || bytes[0] == 0xc0 || bytes[0] == 0xc1)
		return 0;
	if (forms[form].length > 1 && (bytes[1] < forms[form].second_min || bytes[1] > forms[form].second_max))
		return 0;
	for (size_t i = 2; i < forms[form].length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return forms[form].length;
}

unsigned int utf8_code_point(const char *text, size_t length)
{
	static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned int code = (unsigned char)text[0] & lead_bits[length];

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

/* Control characters, and characters of the Unicode categories Cf, Zl and Zp that act on the text around them. */
static bool acts_on_terminal(unsigned int code)
{
	static const struct {
		unsigned int first, last;
	} ranges[] = {
		{ 0x0000, 0x001f },   /* C0 */
		{ 0x007f, 0x009f },   /* DEL, C1 */
		{ 0x00ad, 0x00ad },   /* soft hyphen */
		{ 0x061c, 0x061c },   /* Arabic letter mark */
		{ 0x180e, 0x180e },   /* Mongolian vowel separator */
		{ 0x200b, 0x200f },   /* zero width spaces, direction marks */
		{ 0x2028, 0x202e },   /* line and paragraph separators, direction embeddings and overrides */
		{ 0x2060, 0x206f },   /* invisible operators, direction isolates */
		{ 0xfeff, 0xfeff },   /* byte order mark */
		{ 0xfff9, 0xfffb },   /* interlinear annotations */
		{ 0xe0000, 0xe007f }, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

size_t printable_length(const char *text, size_t left)
{
	size_t length = utf8_length(text, left);

	return length > 0 && acts_on_terminal(utf8_code_point(text, length)) ? 0 : length;
}

char *escape_byte(char *at, unsigned char byte)
{
	return at + snprintf(at, ESCAPED_BYTE + 1, "\\%03o", byte);
}

size_t print_escaped(const char *text, size_t size, char *to, size_t room)
{
	char *at = to;
	size_t length;

	for (size_t i = 0; i < size; i += length ? length : 1) {
		length = printable_length(text + i, size - i);
		if ((size_t)(at - to) + (length ? length : ESCAPED_BYTE) >= room)
			break;
		at = length ? (char *)memcpy(at, text + i, length) + length : escape_byte(at, (unsigned char)text[i]);
	}
	*at = '\0';
	return (size_t)(at - to);
}
