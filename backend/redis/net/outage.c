/* Remembers which causes of an outage were reported. */
#include "backend/redis/net/outage.h"

#include <stdio.h>
#include <string.h>

bool outage_add(struct outage *outage, const char *cause)
{
	for (size_t i = 0; i < outage->count; i++)
		if (strncmp(outage->causes[i], cause, BACKEND_PROBLEM_MAX - 1) == 0)
			return false;
	if (outage->count == OUTAGE_CAUSES_MAX)
		return false;
	snprintf(outage->causes[outage->count++], BACKEND_PROBLEM_MAX, "%s", cause);
	return true;
}

bool outage_end(struct outage *outage)
{
	bool reported = outage->count > 0;

	outage->count = 0;
	return reported;
}
