/*
 * Learns how far away the server is. The grace of this mount and the number of calls that one user may
 * have under way grow with the round trip.
 */
#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/util/clock.h"

#define CALLS_A_MS 16 /* more calls that one user may have under way for each ms of the shortest round trip */

#define GRACE_MIN_MS 500    /* 0.5 s, to which the round trips are added; GRACE of release.lua is the same */
#define GRACE_ROUND_TRIPS 3

int64_t script_calls_grace_ms(const struct script_calls *calls)
{
	int64_t ms = GRACE_MIN_MS + GRACE_ROUND_TRIPS * calls->recent_round_trip_ms;

	return ms < GRACE_MAX_MS ? ms : GRACE_MAX_MS;
}

/* A far server needs more calls under way to be kept busy, and nobody waits longer for that. */
void calls_learn_distance(struct script_calls *calls, int64_t took_ns)
{
	if (calls->config.user_calls == 0 || took_ns >= calls->shortest_round_trip_ns)
		return;
	calls->shortest_round_trip_ns = took_ns;
	calls->turns.most = calls->config.user_calls + (size_t)(took_ns / NS_PER_MS) * CALLS_A_MS;
}

/* The longest round trip is forgotten by an eighth with each reply. */
void calls_learn_round_trip(struct script_calls *calls, int64_t age_ms)
{
	calls->recent_round_trip_ms -= (calls->recent_round_trip_ms + 7) / 8;
	if (calls->recent_round_trip_ms < age_ms)
		calls->recent_round_trip_ms = age_ms;
}
