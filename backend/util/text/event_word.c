/* The words of events: in event streams, and in messages and arguments of a server. */
#include <string.h>

#include "lockfs/event.h"

static const char *const words[] = {
	[EVENT_ACQUIRED] = "ACQUIRED",
	[EVENT_UNAVAILABLE] = "UNAVAILABLE",
	[EVENT_RELEASED] = "RELEASED",
	[EVENT_FAILED_RELEASE] = "FAILED_RELEASE",
	[EVENT_FORCE_RELEASED] = "FORCE_RELEASED",
	[EVENT_REFRESHED] = "REFRESHED",
	[EVENT_FAILED_REFRESH] = "FAILED_REFRESH",
	[EVENT_EXPIRED] = "EXPIRED",
	[EVENT_FULL] = "FULL",
	[EVENT_UNEXPECTED_ERROR] = "UNEXPECTED_ERROR",
	[EVENT_GAP] = "GAP",
	[EVENT_LOST] = "LOST",
};

const char *event_word(enum lock_event_kind kind)
{
	return words[kind];
}

bool event_kind_of(const char *word, size_t length, enum lock_event_kind *ret)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == length && strncmp(words[i], word, length) == 0) {
			*ret = (enum lock_event_kind)i;
			return true;
		}
	}
	return false;
}
