/* Makes texts, escapes them for terminals, shells and people, and prints messages. */
#include "scripts/lockctl/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/util/printable.h"
#include "scripts/lockctl/exit_status.h"

#define MS_PER_S 1000
#define S_PER_MIN 60
#define S_PER_H 3600
#define S_PER_D 86400

/* A text in the list of all texts. */
struct piece {
	struct piece *older;
	char text[];
};

static struct piece *newest;

void *text_room(size_t size)
{
	struct piece *piece = malloc(sizeof(*piece) + size);

	if (!piece) {
		fputs("lockctl: out of memory\n", stderr);
		_exit(STATUS_BACKEND);
	}
	piece->older = newest;
	newest = piece;
	return piece->text;
}

void *text_mark(void)
{
	return newest;
}

void text_free_since(void *mark)
{
	while (newest != mark) {
		struct piece *older = newest->older;

		free(newest);
		newest = older;
	}
}

static char *make(const char *format, va_list arguments)
{
	va_list again;
	int length;
	char *text;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return text_make("?");
	text = text_room((size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}

char *text_make(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = make(format, arguments);
	va_end(arguments);
	return text;
}

/* The length of what begins the text and is never escaped: most texts are this as a whole. */
static size_t ascii_length(const char *text)
{
	const char *at = text;

	while (*at >= ' ' && *at <= '~' && *at != '\\')
		at++;
	return (size_t)(at - text);
}

/* Copies `text` with all that is not printable escaped, and backslashes if `escape_backslash`. */
static char *escaped(const char *text, int escape_backslash)
{
	size_t left = strlen(text);
	char *copy = text_room(left * ESCAPED_BYTE + 1);
	char *at = copy;

	while (left > 0) {
		size_t plain = ascii_length(text);

		if (plain == 0)
			plain = escape_backslash && *text == '\\' ? 0 : printable_length(text, left);
		size_t length = plain > 0 ? plain : 1;

		at = plain > 0 ? (char *)memcpy(at, text, plain) + plain : escape_byte(at, (unsigned char)*text);
		text += length;
		left -= length;
	}
	*at = '\0';
	return copy;
}

char *shown(const char *text)
{
	return escaped(text, 1);
}

char *shown_printable(const char *text)
{
	return escaped(text, 0);
}

static int is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' && text[2] >= '0' && text[2] <= '7';
}

void text_unescape(char *text)
{
	char *to = strchr(text, '\\');

	if (!to)
		return;
	for (text = to; *text;) {
		if (*text == '\\' && is_octal(text + 1)) {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

char *quoted(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./@%+=:,-";
	char *copy, *at;

	if (*text && text[strspn(text, plain)] == '\0')
		return text_make("%s", text);
	copy = text_room(strlen(text) * 4 + 3);
	at = copy;
	*at++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			at = stpcpy(at, "'\\''");
		else
			*at++ = *text;
	}
	stpcpy(at, "'");
	return copy;
}

char *in_words(int64_t ms)
{
	long seconds = ms > 0 ? (long)(ms / MS_PER_S) : 0;

	if (seconds >= S_PER_D)
		return text_make("%ld d %ld h", seconds / S_PER_D, seconds % S_PER_D / S_PER_H);
	if (seconds >= S_PER_H)
		return text_make("%ld h %ld min", seconds / S_PER_H, seconds % S_PER_H / S_PER_MIN);
	if (seconds >= S_PER_MIN)
		return text_make("%ld min %ld s", seconds / S_PER_MIN, seconds % S_PER_MIN);
	return text_make("%ld s", seconds);
}

/* One write(2), so that lines of several processes do not mix. */
static void print_message(const char *format, va_list arguments)
{
	const char *line = text_make("lockctl: %s\n", escaped(make(format, arguments), 0));

	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
}

void die(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(format, arguments);
	va_end(arguments);
	exit(status);
}
