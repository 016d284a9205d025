/* A list of ends in the order of time, as long as its time and number allow. */
#include "backend/redis/reclaim/recent_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"

/* 10 s: a server that persists its data each second, or a replica that follows, does not lose more. */
#define REMEMBERED_NS (10 * NS_PER_S)

#define ENDS_MAX 20000 /* the oldest is forgotten first: about 2 s of the fastest cycles */

static void forget_first(struct recent_ends *ends)
{
	struct recent_end *first = ends->first;

	DL_DELETE(ends->first, first);
	ends->count--;
	free(first);
}

void recent_ends_forget_old(struct recent_ends *ends)
{
	int64_t oldest_ns = boot_ns() - REMEMBERED_NS;

	while (ends->first && ends->first->at_ns < oldest_ns)
		forget_first(ends);
}

void recent_ends_forget_all(struct recent_ends *ends)
{
	while (ends->first)
		forget_first(ends);
}

void recent_ends_add(struct recent_ends *ends, const char *key, uint64_t token, bool shared, const char *nonce)
{
	struct recent_end *end = calloc(1, sizeof(*end) + strlen(key) + 1);

	recent_ends_forget_old(ends);
	if (!end)
		return;
	if (ends->count == ENDS_MAX)
		forget_first(ends);
	end->token = token;
	end->shared = shared;
	end->at_ns = boot_ns();
	snprintf(end->nonce, sizeof(end->nonce), "%s", nonce);
	stpcpy(end->key, key);
	DL_APPEND(ends->first, end);
	ends->count++;
}
