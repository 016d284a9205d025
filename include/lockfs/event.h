/*
 * What happens to locks, as a backend reports it. lockfs(5), EVENTS, says when
 * each kind of event is reported.
 */
#ifndef LOCKFS_EVENT_H
#define LOCKFS_EVENT_H

#include <stdbool.h>
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

	/* What the file side tells by itself; no backend does. */
	EVENT_UNEXPECTED_ERROR,
	EVENT_GAP,  /* some may have been missed before this */
	EVENT_LOST, /* a reader was too slow for these */
};

/* The longest owner that is told; the rest of a longer one is cut off. */
#define EVENT_OWNER_MAX 512

struct lock_event {
	enum lock_event_kind kind;
	const char *key;
	uint64_t token;     /* of the holding it is about; 0 where there was none */
	int64_t ttl_ms;     /* the lease, LEASE_NEVER, or LEASE_UNSET where there was no lock */
	bool foreign;       /* that holding was taken past lockfs: its token is made up */
	const char *owner;  /* who had it then (lock_owner_print()); NULL: nobody, or it was not listened for */
	int64_t time_us;    /* since the epoch, by the backend's clock; 0: it was not listened for */

	int status;            /* of EVENT_UNEXPECTED_ERROR: a negative errno, */
	const char *operation; /* and what failed */
	uint64_t lost;         /* of EVENT_LOST: how many */
};

/* Does this event end the holding that it names? */
static inline int event_ends_holding(const struct lock_event *event)
{
	return event->token != 0 && (event->kind == EVENT_RELEASED || event->kind == EVENT_FORCE_RELEASED ||
	                             event->kind == EVENT_EXPIRED);
}

#endif
