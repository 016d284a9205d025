#include "backend/redis/revocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

#include "backend/redis/reply/reply_lock.h"

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

struct revocation {
	struct revocations *revocations;
	enum eviction_state state;
	unsigned int asks; /* calls that were made */
	const char *key;
	uint64_t token;       /* while WAITING */
	uint64_t freed_token; /* that was told of while a call was under way; 0: none was */
	int64_t due_ms;       /* while WAITING: by the loop's clock */
	backend_done *done;
	void *ctx;
	struct revocation *prev, *next;
};

/*
 * Whoever is answered may call the backend again, which reads what else was published
 * and so may end other revocations: no loop here keeps one of them over an answer.
 */
struct revocations {
	struct backend_config config;
	struct script_calls *calls;
	struct revocation *all;
	uv_timer_t timer;
	void (*freed)(void *ctx);
	void *ctx;
};

static void answer(struct revocation *eviction, int status)
{
	backend_done *done = eviction->done;
	void *ctx = eviction->ctx;

	DL_DELETE(eviction->revocations->all, eviction);
	free(eviction);
	done(ctx, status);
}

static struct script_call *forced_call(struct script_calls *calls, const char *key, struct holding_match match, const char *force)
{
	struct script_call *call = script_call_new(calls, SCRIPT_RELEASE, key);

	if (!call)
		return NULL;
	script_call_add_text(call, NULL);
	script_call_add_text(call, NULL);
	script_call_add_match(call, match);
	script_call_add_text(call, force);
	return call;
}

static void tell_end(const struct revocation *eviction, const redisReply *reply)
{
	const struct backend_config *config = &eviction->revocations->config;
	uint64_t token;

	if (reply_token(reply, &token) == 0 && config->on_ended)
		config->on_ended(config->ctx, eviction->key, token, true);
}

/* The one that is waiting and due first, or NULL. */
static struct revocation *find_first(const struct revocations *revocations)
{
	struct revocation *eviction, *first = NULL;

	DL_FOREACH(revocations->all, eviction)
		if (eviction->state == WAITING && (!first || eviction->due_ms < first->due_ms))
			first = eviction;
	return first;
}

static void on_due(uv_timer_t *timer);

static void arm(struct revocations *revocations)
{
	int64_t now_ms = (int64_t)uv_now(revocations->config.loop);
	const struct revocation *first = find_first(revocations);

	if (!first)
		uv_timer_stop(&revocations->timer);
	else
		uv_timer_start(&revocations->timer, on_due,
			first->due_ms > now_ms ? (uint64_t)(first->due_ms - now_ms) : 0, 0);
}

static void await(struct revocation *eviction, uint64_t token, int64_t ms)
{
	struct revocations *revocations = eviction->revocations;

	if (eviction->freed_token == token) {
		answer(eviction, 0);
		return;
	}
	uv_update_time(revocations->config.loop);
	eviction->state = WAITING;
	eviction->token = token;
	eviction->due_ms = (int64_t)uv_now(revocations->config.loop) + ms + PATIENCE_MS;
	arm(revocations);
}

static void tell_forgetful(const struct revocation *eviction)
{
	const struct backend_config *config = &eviction->revocations->config;
	char line[BACKEND_PROBLEM_MAX];

	snprintf(line, sizeof(line), "the server put off a forced release %d times, as if it forgot that the holder was "
		"told: the lock stays. Try again, and see who else writes to its keys (asked about %s:%s)",
		ASKS_MAX, config->namespace_, eviction->key);
	if (config->on_notice)
		config->on_notice(config->ctx, line);
}

static void on_asked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct revocation *eviction = call->ctx;
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

static void force(struct revocation *eviction)
{
	struct script_call *call = forced_call(eviction->revocations->calls, eviction->key, match_token(eviction->token),
		FORCE_FINAL);

	if (!call) {
		answer(eviction, -ENOMEM);
		return;
	}
	eviction->state = FORCING;
	eviction->asks++;
	call->done = on_asked;
	call->ctx = eviction;
	script_call_start(call);
}

static void on_due(uv_timer_t *timer)
{
	struct revocations *revocations = timer->data;
	int64_t now_ms = (int64_t)uv_now(revocations->config.loop);
	struct revocation *first;

	while ((first = find_first(revocations)) && first->due_ms <= now_ms)
		force(first);
	arm(revocations);
}

void revocations_release(struct revocations *revocations, const char *key, struct holding_match match, backend_done *done,
                       void *ctx)
{
	struct revocation *eviction = calloc(1, sizeof(*eviction));
	struct script_call *call = eviction ? forced_call(revocations->calls, key, match, FORCE_POLITE) : NULL;

	if (!call) {
		free(eviction);
		done(ctx, -ENOMEM);
		return;
	}
	eviction->revocations = revocations;
	eviction->state = ASKING;
	eviction->asks = 1;
	eviction->key = key;
	eviction->done = done;
	eviction->ctx = ctx;
	DL_APPEND(revocations->all, eviction);
	call->done = on_asked;
	call->ctx = eviction;
	script_call_start(call);
}

/* One that waits for this holding to end, or NULL. */
static struct revocation *find_waiting(const struct revocations *revocations, const char *key, uint64_t token)
{
	struct revocation *eviction;

	DL_FOREACH(revocations->all, eviction)
		if (eviction->state == WAITING && eviction->token == token && strcmp(eviction->key, key) == 0)
			return eviction;
	return NULL;
}

void revocations_on_freed(struct revocations *revocations, const char *key, uint64_t token)
{
	struct revocation *eviction;

	/* The word may be here before the answer that says what is waited for. */
	DL_FOREACH(revocations->all, eviction)
		if (eviction->state != WAITING && strcmp(eviction->key, key) == 0)
			eviction->freed_token = token;
	while ((eviction = find_waiting(revocations, key, token)))
		answer(eviction, 0);
	arm(revocations);
}

/* Obeying */

static void on_obeyed(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	/* Where it failed, whoever asked for it sees to it. */
	(void)status;
	(void)reply;
	(void)age_ms;
	free(call->ctx);
}

void revocations_confirm(struct script_calls *calls, const char *key, uint64_t token)
{
	char *copy = strdup(key);
	struct script_call *call = copy ? forced_call(calls, copy, match_token(token), FORCE_OBEY) : NULL;

	if (!call) {
		free(copy);
		return;
	}
	call->of_mount = true;
	call->done = on_obeyed;
	call->ctx = copy;
	script_call_start(call);
}

/* Opening and closing */

struct revocations *revocations_new(const struct backend_config *config, struct script_calls *calls)
{
	struct revocations *revocations = calloc(1, sizeof(*revocations));

	if (!revocations)
		return NULL;
	revocations->config = *config;
	revocations->calls = calls;
	uv_timer_init(config->loop, &revocations->timer);
	revocations->timer.data = revocations;
	return revocations;
}

static void on_closed(uv_handle_t *handle)
{
	struct revocations *revocations = handle->data;

	revocations->freed(revocations->ctx);
	free(revocations);
}

void revocations_close(struct revocations *revocations, void (*freed)(void *ctx), void *ctx)
{
	struct revocation *first;

	revocations->freed = freed;
	revocations->ctx = ctx;
	/* Those with a call under way are answered by its end. */
	while ((first = find_first(revocations)))
		answer(first, -ESHUTDOWN);
	uv_close((uv_handle_t *)&revocations->timer, on_closed);
}
