/* What people are told while a server is lost: each cause once, and that it is back. */
#ifndef BACKEND_REDIS_NET_OUTAGE_H
#define BACKEND_REDIS_NET_OUTAGE_H

#include "lockfs/backend.h"

/* More causes than this are not told of one outage, as their words may differ without an end. */
#define OUTAGE_CAUSES_MAX 8

/* All zero: there is no outage. */
struct outage {
	size_t count; /* causes told so far */
	char causes[OUTAGE_CAUSES_MAX][BACKEND_PROBLEM_MAX];
};

/* An attempt failed because of `cause`, one line. Returns true if people are to be told of it. */
bool outage_add(struct outage *outage, const char *cause);

/* The server is back. Returns true if people were told that it was lost. */
bool outage_end(struct outage *outage);

#endif
