/* Durations and leases as people write them, and as lockfs prints them. */
#include "lockfs/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backend/util/text/number.h"
#include "backend/util/text_copy.h"

static const struct unit {
	const char *suffix;
	int64_t ms;
} units[] = {
	{ "", 1000 },
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct unit *unit_find(const char *suffix)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].suffix, suffix) == 0)
			return &units[i];
	return NULL;
}

/* Reads the fraction `.250` after whole seconds. Returns the end of it, or NULL if `text` is no fraction. */
static const char *parse_fraction(const char *text, int64_t *ret_ms)
{
	int64_t ms = 0;
	int64_t digit_ms = 100;

	if (*text++ != '.' || !is_digit(*text))
		return NULL;
	for (; is_digit(*text); text++, digit_ms /= 10)
		ms += (*text - '0') * digit_ms;
	*ret_ms = ms;
	return text;
}

int duration_parse(const char *text, int64_t *ret_ms)
{
	uint64_t number;
	const char *at = number_read(text, 10, LEASE_MAX_MS, &number);
	int64_t count, fraction_ms = 0;

	if (!at)
		return -EINVAL;
	count = (int64_t)number;
	if (*at == '.') {
		at = parse_fraction(at, &fraction_ms);
		if (!at || *at)
			return -EINVAL;
	}

	const struct unit *unit = unit_find(at);
	if (!unit || count > LEASE_MAX_MS / unit->ms)
		return -EINVAL;
	if (count * unit->ms + fraction_ms > LEASE_MAX_MS)
		return -EINVAL;
	*ret_ms = count * unit->ms + fraction_ms;
	return 0;
}

int lease_parse(const char *text, int64_t *ret_ms)
{
	int64_t ms;

	if (strcmp(text, "never") == 0) {
		*ret_ms = LEASE_NEVER;
		return 0;
	}
	if (duration_parse(text, &ms) < 0 || ms < LEASE_MIN_MS)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

int lease_parse_bytes(const char *bytes, size_t size, int64_t *ret_ms)
{
	char text[DURATION_TEXT_MAX];

	if (copy_bytes(bytes, size, text, sizeof(text)) < 0)
		return -EINVAL;
	return lease_parse(text, ret_ms);
}

size_t duration_print(int64_t ms, char text[DURATION_TEXT_MAX])
{
	int length;

	if (ms == LEASE_NEVER)
		length = snprintf(text, DURATION_TEXT_MAX, "never");
	else if (ms < 0)
		length = snprintf(text, DURATION_TEXT_MAX, "0.000");
	else
		length = snprintf(text, DURATION_TEXT_MAX, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
	return (size_t)length;
}
