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

static void add_flag(struct call *call, bool flag)
{
	call_add_text(call, flag ? "1" : "");
}

struct call *acquire_call(struct calls *calls, const struct acquisition *acquisition, const char *nonce,
                          const char *order)
{
	const struct lock_holder *holder = &acquisition->holder;
	struct call *call = call_new(calls, SCRIPT_ACQUIRE, acquisition->key);

	if (!call)
		return NULL;
	call->holder = holder;
	call_add_text(call, holder->claim.id);
	call_add_text(call, holder->claim.identity);
	stpcpy(call->nonce, nonce);
	call_add_text(call, call->nonce);
	call_add_number(call, acquisition->ttl_ms);
	call_add_number(call, acquisition->fallback_ttl_ms);
	call_add_text(call, holder->user);
	call_add_text(call, holder->host);
	call_add_text(call, holder->place);
	call_add_text(call, holder->command);
	call_add_number(call, holder->pid);
	call_add_number(call, holder->uid);
	call_add_number(call, holder->gid);
	add_flag(call, acquisition->bound);
	add_flag(call, acquisition->waits);
	add_flag(call, acquisition->anew);
	call_add_text(call, order);
	call_add_number(call, calls_grace_ms(calls));
	return call;
}

int acquire_reply(const struct call *call, int status, const redisReply *reply, int64_t age_ms, struct lock *ret)
{
	int err = reply_lock(reply, call->key, age_ms, ret);

	/* The answer leaves out what was asked with. */
	if (err != -EPROTO && status == 0)
		ret->holder = *call->holder;
	return err;
}
