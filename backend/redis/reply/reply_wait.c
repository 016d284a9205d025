/* Reads the states of keys that tickets wait for. A state is three integers: rest of the lease, rank, foreign. */
#include "backend/redis/reply/reply_wait.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"
#include "lockfs/duration.h"

/* Reads the three elements from `index` on. Returns false if they are no state. */
static bool read_key_state(const redisReply *reply, size_t index, struct key_state *ret)
{
	enum { LEFT, RANK, FOREIGN };
	const redisReply *left = reply_element(reply, index + LEFT, REDIS_REPLY_INTEGER);
	const redisReply *rank = reply_element(reply, index + RANK, REDIS_REPLY_INTEGER);
	const redisReply *foreign = reply_element(reply, index + FOREIGN, REDIS_REPLY_INTEGER);

	if (!left || left->integer < PTTL_GONE || !rank || rank->integer < -1 || !foreign)
		return false;
	*ret = (struct key_state){
		.left_ms = reply_at_most(left->integer, LEASE_MAX_MS),
		.rank = rank->integer,
		.foreign = foreign->integer,
	};
	return true;
}

int reply_queued(const redisReply *reply, char order[REPLY_ORDER_MAX], struct key_state *ret, bool *ret_was_alive)
{
	enum { WORD, ORDER, STATE, WAS_ALIVE = STATE + 3 };
	const char *at = reply_text(reply, ORDER);
	const redisReply *was_alive = reply_element(reply, WAS_ALIVE, REDIS_REPLY_INTEGER);

	if (!at || strlen(at) >= REPLY_ORDER_MAX || !was_alive || !read_key_state(reply, STATE, ret))
		return -EPROTO;
	stpcpy(order, at);
	*ret_was_alive = was_alive->integer;
	return 0;
}

int reply_key_states(const redisReply *reply, bool *ret_was_alive, struct key_state *states, size_t count)
{
	enum { WORD, WAS_ALIVE, STATES, FIELDS = 3 };
	const redisReply *was_alive = reply_element(reply, WAS_ALIVE, REDIS_REPLY_INTEGER);
	const redisReply *all = reply_element(reply, STATES, REDIS_REPLY_ARRAY);

	if (!was_alive || !all || all->elements != count * FIELDS)
		return -EPROTO;
	for (size_t i = 0; i < count; i++)
		if (!read_key_state(all, i * FIELDS, &states[i]))
			return -EPROTO;
	*ret_was_alive = was_alive->integer;
	return 0;
}
