/*
 * A roll call: which other mounts of the namespace there are, as they say themselves. Nothing is stored in the server: each
 * mount is asked by a message (WHO) and answers by one (HERE). The answers of the last second are used again.
 */
#ifndef BACKEND_REDIS_STATUS_ROLL_CALL_H
#define BACKEND_REDIS_STATUS_ROLL_CALL_H

#include "backend/redis/reply/message.h"
#include "lockfs/status.h"

/* All zero: nobody was ever asked. */
struct roll_call {
	uint64_t number;              /* of the present or last roll call; the first is 1 */
	bool is_open;                 /* answers are taken */
	bool is_known;                /* the last one has ended, and somebody could be asked */
	size_t asked;                 /* mounts that were asked; 0 until the server has said that */
	size_t count;                 /* mounts that answered */
	size_t room;                  /* of the array */
	struct status_mount *mounts;  /* each host begins the memory of its three texts */
	int64_t ended_ns;             /* CLOCK_BOOTTIME */
};

/* Begins another roll call; the answers of the last one are freed. */
void roll_call_begin(struct roll_call *roll);

/* This many mounts were asked. Returns true if all have answered. */
bool roll_call_expect(struct roll_call *roll, size_t asked);

/* Takes an answer, unless it is to an earlier roll call or there are too many. Returns true if all that are expected have answered. */
bool roll_call_add(struct roll_call *roll, const struct mount_here *here);

/* Ends the roll call. `is_known`: somebody could be asked. */
void roll_call_end(struct roll_call *roll, bool is_known);

/* Did the last one end within the last second? */
bool roll_call_is_fresh(const struct roll_call *roll);

/* Fills in the mounts, which live until the next roll call begins. */
void roll_call_fill(const struct roll_call *roll, struct backend_status *ret);

void roll_call_free(struct roll_call *roll);

#endif
