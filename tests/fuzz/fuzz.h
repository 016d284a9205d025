/*
 * Functions that the fuzz targets share. A target is one C file beside this one: it gives
 * any bytes to a parser, and states with require() what must hold of the result. Its
 * cases are in corpus/TARGET/.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target. libFuzzer, or replay/main.c, calls it with one input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, which is a finding, unless the property `what` holds. */
static inline void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static inline bool same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

/* Copies the input to a text of exactly its size, so that AddressSanitizer sees a read behind it. The caller frees it. */
static inline char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text != NULL, "there is memory");
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Takes `count` bytes off the front of the input. Missing bytes are 0. */
static inline void take_bytes(const uint8_t **data, size_t *size, void *to, size_t count)
{
	size_t have = *size < count ? *size : count;

	memset(to, 0, count);
	if (have)
		memcpy(to, *data, have);
	*data += have;
	*size -= have;
}

static inline int64_t take_number(const uint8_t **data, size_t *size)
{
	int64_t number;

	take_bytes(data, size, &number, sizeof(number));
	return number;
}

#endif
