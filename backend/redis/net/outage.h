/* Which notices an outage of the server makes: each cause once, and one when the server is back. */
#ifndef BACKEND_REDIS_NET_OUTAGE_H
#define BACKEND_REDIS_NET_OUTAGE_H

#include "lockfs/backend.h"

/* At most 8 causes of one outage are reported, because the text of an error may vary endlessly. */
#define OUTAGE_CAUSES_MAX 8

/* All zero: there is no outage. */
struct outage {
	size_t count; /* causes reported so far */
	char causes[OUTAGE_CAUSES_MAX][BACKEND_PROBLEM_MAX];
};

/* Notes that an attempt failed because of `cause`, one line. Returns true if it is to be reported. */
bool outage_add(struct outage *outage, const char *cause);

/* Notes that the server is back. Returns true if the outage was reported. */
bool outage_end(struct outage *outage);

#endif
