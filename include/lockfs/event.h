/*
 * What happens to locks, as a backend tells it. CONTRACT section 8 says when
 * each kind is told.
 */
#ifndef LOCKFS_EVENT_H
#define LOCKFS_EVENT_H

#include <stdint.h>

enum lock_event_kind {
	EVENT_ACQUIRED,
	EVENT_UNAVAILABLE,
	EVENT_RELEASED,
	EVENT_FAILED_RELEASE,
	EVENT_FORCE_RELEASED,
	EVENT_REFRESHED,
	EVENT_FAILED_REFRESH,
	EVENT_EXPIRED,
};

struct lock_event {
	enum lock_event_kind kind;
	const char *key;
	uint64_t token; /* of the holding it is about; 0 where there was none */
	int64_t ttl_ms; /* the lease, LEASE_NEVER, or LEASE_UNSET where there was no lock */
};

/* Does this event end the holding that it names? */
static inline int event_ends_holding(const struct lock_event *event)
{
	return event->token != 0 && (event->kind == EVENT_RELEASED || event->kind == EVENT_FORCE_RELEASED ||
	                             event->kind == EVENT_EXPIRED);
}

#endif
