/*
 * Numbers in text: of options, views, URLs, /proc and replies of a server. Digits only: no spaces, no `+`, no prefix of
 * a base, and nothing is ever out of the bounds that the caller gives.
 */
#ifndef BACKEND_UTIL_TEXT_NUMBER_H
#define BACKEND_UTIL_TEXT_NUMBER_H

#include <stdint.h>

/*
 * Reads the number at the start of `text`, in `base` (at most 10) and up to `max`. Returns the position behind it, or NULL
 * if there is no digit or the number is larger; then *ret is not set.
 */
const char *number_read(const char *text, unsigned int base, uint64_t max, uint64_t *ret);

/* Reads a decimal number with an optional `-`, as number_read(). */
const char *number_read_signed(const char *text, int64_t *ret);

/* Reads a number that is the whole text, as number_read(). Returns 0 or -EINVAL. */
int number_parse(const char *text, unsigned int base, uint64_t max, uint64_t *ret);
int number_parse_signed(const char *text, int64_t *ret);

#endif
