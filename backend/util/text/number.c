/* Reads digits, and checks before each one that the number stays within its bound. */
#include "backend/util/text/number.h"

#include <errno.h>
#include <stddef.h>

const char *number_read(const char *text, unsigned int base, uint64_t max, uint64_t *ret)
{
	const char *at = text;
	uint64_t number = 0;

	for (; *at >= '0' && (unsigned int)(*at - '0') < base; at++) {
		unsigned int digit = (unsigned int)(*at - '0');

		if (digit > max || number > (max - digit) / base)
			return NULL;
		number = number * base + digit;
	}
	if (at == text)
		return NULL;
	*ret = number;
	return at;
}

const char *number_read_signed(const char *text, int64_t *ret)
{
	int is_negative = *text == '-';
	uint64_t number;
	const char *end = number_read(text + is_negative, 10, INT64_MAX, &number);

	if (end)
		*ret = is_negative ? -(int64_t)number : (int64_t)number;
	return end;
}

int number_parse(const char *text, unsigned int base, uint64_t max, uint64_t *ret)
{
	uint64_t number;
	const char *end = number_read(text, base, max, &number);

	if (!end || *end)
		return -EINVAL;
	*ret = number;
	return 0;
}

int number_parse_signed(const char *text, int64_t *ret)
{
	int64_t number;
	const char *end = number_read_signed(text, &number);

	if (!end || *end)
		return -EINVAL;
	*ret = number;
	return 0;
}
