/*
 * Asks the backend for events while any part of this mount needs them, and for no more
 * events than the most demanding part needs.
 */
#ifndef FS_HOLDINGS_EVENT_INTEREST_H
#define FS_HOLDINGS_EVENT_INTEREST_H

#include "lockfs/backend.h"

struct event_interest {
	struct backend *backend; /* set by the owner; NULL: it was closed */
	unsigned int users[LISTEN_ALL + 1]; /* how many need each extent of events */
	bool active; /* the backend reports events; none was missed since it began to, or since the last gap */
};

/* One more user needs events to this extent. */
void event_interest_join(struct event_interest *interest, enum listen_extent extent);

/* One user less needs them. */
void event_interest_leave(struct event_interest *interest, enum listen_extent extent);

#endif
