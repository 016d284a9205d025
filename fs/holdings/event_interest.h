/*
 * Listening to the backend's events, on behalf of all at this mount who want them:
 * they are asked for while anybody does, and only as much as is wanted.
 */
#ifndef FS_HOLDINGS_EVENT_INTEREST_H
#define FS_HOLDINGS_EVENT_INTEREST_H

#include "lockfs/backend.h"

struct event_interest {
	struct backend *backend; /* set by the owner; NULL: it was closed */
	unsigned int users[LISTEN_ALL + 1]; /* who want just so much */
	bool told; /* events are told: since then, or a gap after it, none was missed */
};

/* One more, or one less, who wants events to this extent. */
void event_interest_join(struct event_interest *listening, enum listen_extent extent);
void event_interest_leave(struct event_interest *listening, enum listen_extent extent);

#endif
