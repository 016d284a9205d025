#include "fs/holdings/event_interest.h"


static enum listen_extent wanted(const struct event_interest *listening)
{
	enum listen_extent extent = LISTEN_ALL;

	while (extent != LISTEN_NOT && !listening->users[extent])
		extent--;
	return extent;
}

static void change(struct event_interest *listening, enum listen_extent before)
{
	enum listen_extent extent = wanted(listening);

	if (extent != before && listening->backend)
		listening->told = backend_listen(listening->backend, extent) && extent != LISTEN_NOT;
}

void event_interest_join(struct event_interest *listening, enum listen_extent extent)
{
	enum listen_extent before = wanted(listening);

	listening->users[extent]++;
	change(listening, before);
}

void event_interest_leave(struct event_interest *listening, enum listen_extent extent)
{
	enum listen_extent before = wanted(listening);

	listening->users[extent]--;
	change(listening, before);
}
