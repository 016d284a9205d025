/*
 * A text form of Redis replies, for cases that people write. A text that begins with `[`
 * stands for an array, one element a line: `[` and `]` around a nested array, `:NUMBER`,
 * `"TEXT`, `-ERROR`, `_` for nil. Any other text is the bytes of the reply themselves.
 */
#ifndef TESTS_FUZZ_ANSWER_H
#define TESTS_FUZZ_ANSWER_H

#include "tests/fuzz/fuzz.h"

#define ANSWER_DEPTH_MAX 7

static inline void write_element(FILE *out, const char *line, size_t length)
{
	switch (*line) {
	case ':':
		fprintf(out, ":%lld\r\n", strtoll(line + 1, NULL, 10));
		break;
	case '"':
		fprintf(out, "$%zu\r\n%.*s\r\n", length - 1, (int)length - 1, line + 1);
		break;
	case '-':
		fprintf(out, "%.*s\r\n", (int)length, line);
		break;
	default:
		fputs("$-1\r\n", out);
	}
}

/* Returns the start of the next line. */
static inline const char *next_line(const char *at)
{
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

/* Returns the start of the line after the end of the array that `at` is in. */
static inline const char *skip_array(const char *at)
{
	for (int depth = 1; *at && depth > 0; at = next_line(at))
		depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
	return at;
}

static inline size_t count_elements(const char *at)
{
	size_t count = 0;

	for (; *at && *at != ']'; count++)
		at = *at == '[' ? skip_array(next_line(at)) : next_line(at);
	return count;
}

/* Writes the array whose elements begin at `at`, in the protocol of Redis. */
static inline void write_array(FILE *out, const char *at, int depth)
{
	fprintf(out, "*%zu\r\n", depth < ANSWER_DEPTH_MAX ? count_elements(at) : 0);
	while (depth < ANSWER_DEPTH_MAX && *at && *at != ']') {
		if (*at == '[') {
			write_array(out, next_line(at), depth + 1);
			at = skip_array(next_line(at));
		} else {
			write_element(out, at, strcspn(at, "\n"));
			at = next_line(at);
		}
	}
}

/* Returns the bytes of the reply that a text of *size bytes stands for, and sets *size to their number. The caller frees them. */
static inline char *answer_of(const char *text, size_t *size)
{
	char *bytes = NULL;
	FILE *out;

	if (*text != '[')
		return text_of((const uint8_t *)text, *size);
	out = open_memstream(&bytes, size);
	require(out != NULL, "there is memory");
	write_array(out, next_line(text), 0);
	fclose(out);
	return bytes;
}

#endif
