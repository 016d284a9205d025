/* Counts the users of events by extent, and tells the backend the largest extent that is needed. */
#include "fs/holdings/event_interest.h"

static enum listen_extent wanted(const struct event_interest *interest)
{
	enum listen_extent extent = LISTEN_ALL;

	while (extent != LISTEN_NOT && !interest->users[extent])
		extent--;
	return extent;
}

static void change(struct event_interest *interest, enum listen_extent before)
{
	enum listen_extent extent = wanted(interest);

	if (extent != before && interest->backend)
		interest->active = backend_listen(interest->backend, extent) && extent != LISTEN_NOT;
}

void event_interest_join(struct event_interest *interest, enum listen_extent extent)
{
	enum listen_extent before = wanted(interest);

	interest->users[extent]++;
	change(interest, before);
}

void event_interest_leave(struct event_interest *interest, enum listen_extent extent)
{
	enum listen_extent before = wanted(interest);

	interest->users[extent]--;
	change(interest, before);
}
