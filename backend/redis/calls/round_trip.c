#include "backend/redis/calls/script_calls_internal.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/util/clock.h"

/* For each whole millisecond of the shortest round trip, one user may have so many more calls under way. */
#define CALLS_A_MS 16

/* What is to be answered by this mount waits for so long, and for so many round trips; GRACE_MAX_MS at most. */
#define GRACE_MIN_MS 500
#define GRACE_ROUND_TRIPS 3

int64_t script_calls_grace_ms(const struct script_calls *calls)
{
	int64_t ms = GRACE_MIN_MS + GRACE_ROUND_TRIPS * calls->round_trip_ms;

	return ms < GRACE_MAX_MS ? ms : GRACE_MAX_MS;
}

/* What a far server is to be kept busy with takes more calls at a time, without anybody waiting for longer. */
void calls_learn_distance(struct script_calls *calls, int64_t took_ns)
{
	if (calls->config.user_calls == 0 || took_ns >= calls->shortest_ns)
		return;
	calls->shortest_ns = took_ns;
	calls->turns.most = calls->config.user_calls + (size_t)(took_ns / NS_PER_MS) * CALLS_A_MS;
}

/* What was long is forgotten by an eighth with each answer. */
void calls_learn_round_trip(struct script_calls *calls, int64_t age_ms)
{
	calls->round_trip_ms -= (calls->round_trip_ms + 7) / 8;
	if (calls->round_trip_ms < age_ms)
		calls->round_trip_ms = age_ms;
}
