#include "backend/redis/revocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply.h"

/* So much longer than the holder was given it takes the server's word to come. */
#define PATIENCE_MS 20

/*
 * The server is asked politely, for good once the holder was given its time, and once more if
 * it lost meanwhile that the holder was told. One that forgets again is not asked for ever.
 */
#define ASKS_MAX 3

/* Whose word it is, as release.lua wants it. */
#define FORCE_POLITE "1" /* only as far as the holder lets it */
#define FORCE_FINAL "2"  /* the holder was given its time */
#define FORCE_OBEY "3"   /* the holder's own mount has stopped it */

enum eviction_state {
	ASKING,  /* a polite call is under way */
	WAITING, /* for the word that `token` has ended, until `due_ms` */
	FORCING, /* a final call is under way */
};

struct eviction {
	struct evictions *evictions;
	enum eviction_state state;
	unsigned int asks; /* calls that were made */
	const char *key;
	uint64_t token;       /* while WAITING */
	uint64_t freed_token; /* that was told of while a call was under way; 0: none was */
	int64_t due_ms;       /* while WAITING: by the loop's clock */
	backend_done *done;
	void *ctx;
	struct eviction *prev, *next;
};

/*
 * Whoever is answered may call the backend again, which reads what else was published
 * and so may end other evictions: no loop here keeps one of them over an answer.
 */
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

static struct call *forced_call(struct calls *calls, const char *key, struct holding_match match, const char *force)
{
	struct call *call = call_new(calls, SCRIPT_RELEASE, key);

	if (!call)
		return NULL;
	call_add_text(call, NULL);
	call_add_text(call, NULL);
	call_add_match(call, match);
	call_add_text(call, force);
	return call;
}

static void tell_end(const struct eviction *eviction, const redisReply *reply)
{
	const struct backend_config *config = &eviction->evictions->config;
	uint64_t token;

	if (reply_token(reply, &token) == 0 && config->on_ended)
		config->on_ended(config->ctx, eviction->key, token, true);
}

/* The one that is waiting and due first, or NULL. */
static struct eviction *find_first(const struct evictions *evictions)
{
	struct eviction *eviction, *first = NULL;

	DL_FOREACH(evictions->all, eviction)
		if (eviction->state == WAITING && (!first || eviction->due_ms < first->due_ms))
			first = eviction;
	return first;
}

static void on_due(uv_timer_t *timer);

static void arm(struct evictions *evictions)
{
	int64_t now_ms = (int64_t)uv_now(evictions->config.loop);
	const struct eviction *first = find_first(evictions);

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
	eviction->state = WAITING;
	eviction->token = token;
	eviction->due_ms = (int64_t)uv_now(evictions->config.loop) + ms + PATIENCE_MS;
	arm(evictions);
}

static void tell_forgetful(const struct eviction *eviction)
{
	const struct backend_config *config = &eviction->evictions->config;
	char line[BACKEND_PROBLEM_MAX];

	snprintf(line, sizeof(line), "the server put off a forced release %d times, as if it forgot that the holder was "
		"told: the lock stays. Try again, and see who else writes to its keys (asked about %s:%s)",
		ASKS_MAX, config->namespace_, eviction->key);
	if (config->on_notice)
		config->on_notice(config->ctx, line);
}

static void on_asked(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct eviction *eviction = call->ctx;
	uint64_t token;
	int64_t ms;

	(void)age_ms;
	if (status == -EAGAIN && eviction->asks == ASKS_MAX) {
		tell_forgetful(eviction);
		answer(eviction, -EIO);
		return;
	}
	/* Also where it was final: a server that lost some of its data does not know that the holder was asked. */
	if (status == -EAGAIN && reply_revoked(reply, &token, &ms) == 0) {
		await(eviction, token, ms);
		return;
	}
	if (status == 0)
		tell_end(eviction, reply);
	if (status == -ENOENT && eviction->state == FORCING)
		status = 0; /* it was there, and is gone */
	answer(eviction, status == -EPROTO || status == -EAGAIN ? -EIO : status);
}

static void force(struct eviction *eviction)
{
	struct call *call = forced_call(eviction->evictions->calls, eviction->key, match_token(eviction->token),
		FORCE_FINAL);

	if (!call) {
		answer(eviction, -ENOMEM);
		return;
	}
	eviction->state = FORCING;
	eviction->asks++;
	call->done = on_asked;
	call->ctx = eviction;
	call_start(call);
}

static void on_due(uv_timer_t *timer)
{
	struct evictions *evictions = timer->data;
	int64_t now_ms = (int64_t)uv_now(evictions->config.loop);
	struct eviction *first;

	while ((first = find_first(evictions)) && first->due_ms <= now_ms)
		force(first);
	arm(evictions);
}

void evictions_release(struct evictions *evictions, const char *key, struct holding_match match, backend_done *done,
                       void *ctx)
{
	struct eviction *eviction = calloc(1, sizeof(*eviction));
	struct call *call = eviction ? forced_call(evictions->calls, key, match, FORCE_POLITE) : NULL;

	if (!call) {
		free(eviction);
		done(ctx, -ENOMEM);
		return;
	}
	eviction->evictions = evictions;
	eviction->state = ASKING;
	eviction->asks = 1;
	eviction->key = key;
	eviction->done = done;
	eviction->ctx = ctx;
	DL_APPEND(evictions->all, eviction);
	call->done = on_asked;
	call->ctx = eviction;
	call_start(call);
}

/* One that waits for this holding to end, or NULL. */
static struct eviction *find_waiting(const struct evictions *evictions, const char *key, uint64_t token)
{
	struct eviction *eviction;

	DL_FOREACH(evictions->all, eviction)
		if (eviction->state == WAITING && eviction->token == token && strcmp(eviction->key, key) == 0)
			return eviction;
	return NULL;
}

void evictions_freed(struct evictions *evictions, const char *key, uint64_t token)
{
	struct eviction *eviction;

	/* The word may be here before the answer that says what is waited for. */
	DL_FOREACH(evictions->all, eviction)
		if (eviction->state != WAITING && strcmp(eviction->key, key) == 0)
			eviction->freed_token = token;
	while ((eviction = find_waiting(evictions, key, token)))
		answer(eviction, 0);
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
	struct call *call = copy ? forced_call(calls, copy, match_token(token), FORCE_OBEY) : NULL;

	if (!call) {
		free(copy);
		return;
	}
	call->of_mount = true;
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
	struct eviction *first;

	evictions->freed = freed;
	evictions->ctx = ctx;
	/* Those with a call under way are answered by its end. */
	while ((first = find_first(evictions)))
		answer(first, -ESHUTDOWN);
	uv_close((uv_handle_t *)&evictions->timer, on_closed);
}
