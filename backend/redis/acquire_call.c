#include "backend/redis/acquire_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "backend/redis/reply.h"

int make_nonce(char nonce[NONCE_SIZE])
{
	uint64_t bits[2];

	if (getrandom(bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		return -EIO;
	snprintf(nonce, NONCE_SIZE, "%016jx%016jx", (uintmax_t)bits[0], (uintmax_t)bits[1]);
	return 0;
}

static void add_flag(struct script_call *call, bool flag)
{
	script_call_add_text(call, flag ? "1" : "");
}

struct script_call *acquire_call(struct script_calls *calls, const struct acquisition *acquisition, const char *nonce,
                          const char *order)
{
	const struct lock_holder *holder = &acquisition->holder;
	struct script_call *call = script_call_new(calls, SCRIPT_ACQUIRE, acquisition->key);

	if (!call)
		return NULL;
	call->holder = holder;
	script_call_add_text(call, holder->claim.id);
	script_call_add_text(call, holder->claim.identity);
	stpcpy(call->nonce, nonce);
	script_call_add_text(call, call->nonce);
	script_call_add_number(call, acquisition->ttl_ms);
	script_call_add_number(call, acquisition->fallback_ttl_ms);
	script_call_add_text(call, holder->user);
	script_call_add_text(call, holder->host);
	script_call_add_text(call, holder->place);
	script_call_add_text(call, holder->command);
	script_call_add_number(call, holder->pid);
	script_call_add_number(call, holder->uid);
	script_call_add_number(call, holder->gid);
	add_flag(call, acquisition->bound);
	add_flag(call, acquisition->waits);
	add_flag(call, acquisition->anew);
	script_call_add_text(call, order);
	script_call_add_number(call, script_calls_grace_ms(calls));
	return call;
}

int acquire_reply(const struct script_call *call, int status, const redisReply *reply, int64_t age_ms, struct lock *ret)
{
	int err = reply_lock(reply, call->key, age_ms, ret);

	/* The answer leaves out what was asked with. */
	if (err != -EPROTO && status == 0)
		ret->holder = *call->holder;
	return err;
}
