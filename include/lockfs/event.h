/*
 * What happens to locks, as a backend reports it. lockfs(5), EVENTS, says when
 * each kind of event is reported.
 */
#ifndef LOCKFS_EVENT_H
#define LOCKFS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockfs/lock.h"

enum lock_event_kind {
	EVENT_ACQUIRED,
	EVENT_UNAVAILABLE,
	EVENT_RELEASED,
	EVENT_FAILED_RELEASE,
	EVENT_FORCE_RELEASED,
	EVENT_REFRESHED,
	EVENT_FAILED_REFRESH,
	EVENT_EXPIRED,
	EVENT_FULL, /* a caller was refused a lock, as the directory has as many as its limit; `key` is the directory */

	/* Only fs/ makes the events below, no backend. */
	EVENT_UNEXPECTED_ERROR, /* the backend failed at an operation */
	EVENT_GAP,              /* events before this one may have been missed */
	EVENT_LOST,             /* events were dropped because a reader was too slow */
};

/* Bytes of the longest owner in an event, its NUL included; a longer one is cut off. */
#define EVENT_OWNER_MAX 512

struct lock_event {
	enum lock_event_kind kind;
	const char *key;
	uint64_t token;     /* fencing token of the holding that the event is about; 0: there was no holding */
	int64_t ttl_ms;     /* its lease, or LEASE_NEVER; LEASE_UNSET: there was no lock */
	bool shared;        /* that holding is shared */
	enum lock_form form; /* of that holding */
	bool foreign;       /* another Redis client acquired that holding, so its token is made up */
	const char *owner;  /* its holder as lock_owner_print() prints it; NULL: none, or nobody listened */
	int64_t time_us;    /* time of the event since the epoch, by the backend's clock; 0: nobody listened */

	int status;            /* EVENT_UNEXPECTED_ERROR: a negative errno; else 0 */
	const char *operation; /* EVENT_UNEXPECTED_ERROR: the name of the operation that failed; else NULL */
	uint64_t lost;         /* EVENT_LOST: number of dropped events; else 0 */
};

/* Does this event end the holding that its token names? */
static inline int event_ends_holding(const struct lock_event *event)
{
	return event->token != 0 && (event->kind == EVENT_RELEASED || event->kind == EVENT_FORCE_RELEASED ||
	                             event->kind == EVENT_EXPIRED);
}

/* The word of a kind of event, such as "ACQUIRED": in event streams and in what backends send each other. */
const char *event_word(enum lock_event_kind kind);

/* Finds the kind that the first `length` bytes of `word` name. Returns false if there is none. */
bool event_kind_of(const char *word, size_t length, enum lock_event_kind *ret);

#endif
