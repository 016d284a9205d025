#include "backend/redis/evictions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply.h"

/* So much longer than the holder was given it takes the server's word to come. */
#define PATIENCE_MS 20

/* How far it goes, as release.lua wants it: only as far as the holder lets it, or for good. */
#define FORCE_POLITE "1"
#define FORCE_FINAL "2"

struct eviction {
	struct evictions *evictions;
	const char *key;
	uint64_t token;       /* that is waited for; 0: the call is under way */
	uint64_t freed_token; /* told before the answer of the call came */
	int64_t due_ms;       /* by the loop's clock */
	backend_done *done;
	void *ctx;
	struct eviction *prev, *next;
};

struct evictions {
	struct backend_config config;
	struct calls *calls;
	struct eviction *all;
	uv_timer_t timer;
	void (*freed)(void *ctx);
	void *ctx;
};

static void answer(struct eviction *eviction, int status)
{
	backend_done *done = eviction->done;
	void *ctx = eviction->ctx;

	DL_DELETE(eviction->evictions->all, eviction);
	free(eviction);
	done(ctx, status);
}

static struct call *forced_call(struct calls *calls, const char *key, uint64_t token, const char *force)
{
	struct call *call = call_new(calls, SCRIPT_RELEASE, key);

	if (!call)
		return NULL;
	call_add_text(call, NULL);
	call_add_text(call, NULL);
	call_add_number(call, (int64_t)token);
	call_add_text(call, force);
	return call;
}

static void tell_end(const struct evictions *evictions, const redisReply *reply)
{
	uint64_t token;

	if (reply_token(reply, &token) == 0 && evictions->config.on_ended)
		evictions->config.on_ended(evictions->config.ctx, token, true);
}

static void on_forced(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct eviction *eviction = call->ctx;

	(void)age_ms;
	if (status == 0)
		tell_end(eviction->evictions, reply);
	/* It was there, and is gone. */
	answer(eviction, status == -ENOENT ? 0 : status);
}

static void force(struct eviction *eviction)
{
	struct call *call = forced_call(eviction->evictions->calls, eviction->key, eviction->token, FORCE_FINAL);

	if (!call) {
		answer(eviction, -ENOMEM);
		return;
	}
	eviction->token = 0;
	call->done = on_forced;
	call->ctx = eviction;
	call_start(call);
}

static void arm(struct evictions *evictions);

static void on_due(uv_timer_t *timer)
{
	struct evictions *evictions = timer->data;
	int64_t now_ms = (int64_t)uv_now(evictions->config.loop);
	struct eviction *eviction, *next;

	DL_FOREACH_SAFE(evictions->all, eviction, next)
		if (eviction->token && eviction->due_ms <= now_ms)
			force(eviction);
	arm(evictions);
}

static void arm(struct evictions *evictions)
{
	int64_t now_ms = (int64_t)uv_now(evictions->config.loop);
	const struct eviction *first = NULL;
	const struct eviction *eviction;

	DL_FOREACH(evictions->all, eviction)
		if (eviction->token && (!first || eviction->due_ms < first->due_ms))
			first = eviction;
	if (!first)
		uv_timer_stop(&evictions->timer);
	else
		uv_timer_start(&evictions->timer, on_due,
			first->due_ms > now_ms ? (uint64_t)(first->due_ms - now_ms) : 0, 0);
}

static void await(struct eviction *eviction, uint64_t token, int64_t ms)
{
	struct evictions *evictions = eviction->evictions;

	if (eviction->freed_token == token) {
		answer(eviction, 0);
		return;
	}
	uv_update_time(evictions->config.loop);
	eviction->token = token;
	eviction->due_ms = (int64_t)uv_now(evictions->config.loop) + ms + PATIENCE_MS;
	arm(evictions);
}

static void on_asked(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct eviction *eviction = call->ctx;
	uint64_t token;
	int64_t ms;

	(void)age_ms;
	if (status == -EAGAIN && reply_revoked(reply, &token, &ms) == 0) {
		await(eviction, token, ms);
		return;
	}
	if (status == 0)
		tell_end(eviction->evictions, reply);
	answer(eviction, status == -EPROTO || status == -EAGAIN ? -EIO : status);
}

void evictions_release(struct evictions *evictions, const char *key, uint64_t token, backend_done *done, void *ctx)
{
	struct eviction *eviction = calloc(1, sizeof(*eviction));
	struct call *call = eviction ? forced_call(evictions->calls, key, token, FORCE_POLITE) : NULL;

	if (!call) {
		free(eviction);
		done(ctx, -ENOMEM);
		return;
	}
	eviction->evictions = evictions;
	eviction->key = key;
	eviction->done = done;
	eviction->ctx = ctx;
	DL_APPEND(evictions->all, eviction);
	call->done = on_asked;
	call->ctx = eviction;
	call_start(call);
}

void evictions_freed(struct evictions *evictions, uint64_t token)
{
	struct eviction *eviction, *next;

	DL_FOREACH_SAFE(evictions->all, eviction, next) {
		if (eviction->token == token)
			answer(eviction, 0);
		else if (eviction->token == 0)
			eviction->freed_token = token;
	}
	arm(evictions);
}

/* Obeying */

static void on_obeyed(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	/* Where it failed, whoever asked for it sees to it. */
	(void)status;
	(void)reply;
	(void)age_ms;
	free(call->ctx);
}

void evictions_obey(struct calls *calls, const char *key, uint64_t token)
{
	char *copy = strdup(key);
	struct call *call = copy ? forced_call(calls, copy, token, FORCE_FINAL) : NULL;

	if (!call) {
		free(copy);
		return;
	}
	call->done = on_obeyed;
	call->ctx = copy;
	call_start(call);
}

/* Opening and closing */

struct evictions *evictions_new(const struct backend_config *config, struct calls *calls)
{
	struct evictions *evictions = calloc(1, sizeof(*evictions));

	if (!evictions)
		return NULL;
	evictions->config = *config;
	evictions->calls = calls;
	uv_timer_init(config->loop, &evictions->timer);
	evictions->timer.data = evictions;
	return evictions;
}

static void on_closed(uv_handle_t *handle)
{
	struct evictions *evictions = handle->data;

	evictions->freed(evictions->ctx);
	free(evictions);
}

void evictions_close(struct evictions *evictions, void (*freed)(void *ctx), void *ctx)
{
	struct eviction *eviction, *next;

	evictions->freed = freed;
	evictions->ctx = ctx;
	DL_FOREACH_SAFE(evictions->all, eviction, next)
		if (eviction->token)
			answer(eviction, -ESHUTDOWN);
	uv_close((uv_handle_t *)&evictions->timer, on_closed);
}
