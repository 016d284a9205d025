/* Fuzz target: durations and leases. What is parsed has the value of the text, and can be printed and parsed again. */
#include <errno.h>
#include <math.h>

#include "lockfs/duration.h"
#include "tests/fuzz/fuzz.h"

#define UNTOUCHED INT64_C(-4711)

/* A plain number of seconds has the value that strtold() gives, truncated to milliseconds. */
static void check_seconds(const char *text, int64_t ms)
{
	long double exact;

	if (text[strspn(text, "0123456789.")])
		return;
	exact = strtold(text, NULL) * 1000;
	require((long double)ms <= exact + 0.001L && exact < (long double)ms + 1.001L, "seconds are seconds");
}

static void check_printed(int64_t ms)
{
	char text[DURATION_TEXT_MAX];
	int64_t again = UNTOUCHED;

	require(duration_print(ms, text) == strlen(text) && strlen(text) < sizeof(text), "its length is told");
	if (ms < LEASE_NEVER || ms > LEASE_MAX_MS)
		return;
	require((ms == LEASE_NEVER ? lease_parse : duration_parse)(text, &again) == 0 && again == ms,
		"what is printed is read as the same");
}

static void check_text(const char *text)
{
	int64_t duration = UNTOUCHED;
	int64_t lease = UNTOUCHED;
	bool is_duration = duration_parse(text, &duration) == 0;
	bool is_lease = lease_parse(text, &lease) == 0;

	if (is_duration) {
		require(duration >= 0 && duration <= LEASE_MAX_MS, "a duration is in its bounds");
		check_seconds(text, duration);
		check_printed(duration);
	} else {
		require(duration == UNTOUCHED, "a refusal touches nothing");
	}
	if (is_lease)
		require(lease == LEASE_NEVER ? strcmp(text, "never") == 0 : lease == duration && lease >= LEASE_MIN_MS,
			"a lease is a duration, or never ends");
	else
		require(lease == UNTOUCHED && (!is_duration || duration < LEASE_MIN_MS), "what is no lease is too short");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	check_text(text);
	check_printed(take_number(&data, &size));
	free(text);
	return 0;
}
