/*
 * Holdings and tickets that this mount knows to have ended within the last 10 s. A server that comes back with older data has them still,
 * and nobody else would end them.
 */
#ifndef BACKEND_REDIS_RECLAIM_RECENT_ENDS_H
#define BACKEND_REDIS_RECLAIM_RECENT_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/util/random_id.h"

struct recent_end {
	uint64_t token; /* 0: only the ticket is meant */
	char nonce[RANDOM_ID_SIZE]; /* of the acquisition, whose ticket has ended as well; "": not known */
	bool shared; /* only this holding has ended; else all of the key up to its token have */
	int64_t at_ns; /* CLOCK_BOOTTIME */
	struct recent_end *prev, *next;
	char key[];
};

/* All zero: none. The oldest is the first. */
struct recent_ends {
	struct recent_end *first;
	size_t count;
};

/* Adds an end. Without memory it is not noted. */
void recent_ends_add(struct recent_ends *ends, const char *key, uint64_t token, bool shared, const char *nonce);

/* Forgets the ends that are older than 10 s. */
void recent_ends_forget_old(struct recent_ends *ends);

void recent_ends_forget_all(struct recent_ends *ends);

#endif
