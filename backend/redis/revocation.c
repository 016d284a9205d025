/*
 * Revocations: release.lua is called with force "1"; if it answers EAGAIN, the holder's mount has been
 * notified, and "2" follows once the holder's grace has passed without a FREED message.
 */
#include "backend/redis/revocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

#include "backend/redis/reply/reply_lock.h"

/* 20 ms: slack for the FREED message to arrive after the holder's grace. */
#define MESSAGE_SLACK_MS 20

/*
 * Calls of one revocation: a first one, a final one after the grace, and one more if the server lost
 * its record that the holder was notified. A server that forgets again fails the revocation. The count begins again when
 * a call goes on with more holdings than fit in one.
 */
#define ASKS_MAX 3

/* The argument `force` of release.lua. */
#define FORCE_FIRST "1" /* the holder of a bound holding gets its grace first */
#define FORCE_FINAL "2" /* the grace has passed */
#define FORCE_CONFIRM "3"   /* the holder's own mount has stopped it */

enum revocation_state {
	ASKING,  /* the first call is under way */
	WAITING, /* for FREED with `token`, until `due_ms` */
	FORCING, /* a final call is under way */
};

struct revocation {
	struct revocations *revocations;
	enum revocation_state state;
	unsigned int asks; /* calls made so far */
	bool all;          /* ends all holdings, not one with a token */
	const char *key;
	uint64_t token;       /* while WAITING: of the holding; or if `all`, the largest of all that end */
	uint64_t freed_token; /* of a FREED that arrived while a call was under way; 0: none did */
	int64_t due_ms;       /* while WAITING: the deadline by the clock of the loop */
	backend_done *done;
	void *ctx;
	struct revocation *prev, *next;
};

/*
 * `done` may call the backend again. That reads further messages, which may end other revocations.
 * So no loop in this file holds a pointer to a revocation across a call of answer().
 */
struct revocations {
	struct backend_config config;
	struct script_calls *calls;
	struct revocation *all;
	uv_timer_t timer;
	revocation_ended *ended;
	void *ended_ctx;
	void (*freed)(void *ctx);
	void *ctx;
};

static void answer(struct revocation *revocation, int status)
{
	backend_done *done = revocation->done;
	void *ctx = revocation->ctx;

	DL_DELETE(revocation->revocations->all, revocation);
	free(revocation);
	done(ctx, status);
}

/* `newest`: the largest token of the holdings that a final call ends; 0: whatever their tokens. */
static struct script_call *release_call(struct script_calls *calls, const char *key, struct holding_match match,
                                        const char *force, uint64_t newest)
{
	struct script_call *call = script_call_new(calls, SCRIPT_RELEASE, key);

	if (!call)
		return NULL;
	script_call_add_text(call, NULL);
	script_call_add_text(call, NULL);
	script_call_add_match(call, match);
	script_call_add_text(call, force);
	if (newest)
		script_call_add_token(call, newest);
	else
		script_call_add_text(call, NULL);
	return call;
}

static void report_ended(const struct revocation *revocation, const redisReply *reply)
{
	const struct revocations *revocations = revocation->revocations;
	uint64_t token;

	if (reply_token(reply, &token) == 0)
		revocations->ended(revocations->ended_ctx, revocation->key, token);
}

/* Returns the WAITING revocation that is due first, or NULL. */
static struct revocation *find_first(const struct revocations *revocations)
{
	struct revocation *revocation, *first = NULL;

	DL_FOREACH(revocations->all, revocation)
		if (revocation->state == WAITING && (!first || revocation->due_ms < first->due_ms))
			first = revocation;
	return first;
}

static void on_due(uv_timer_t *timer);

static void arm_timer(struct revocations *revocations)
{
	int64_t now_ms = (int64_t)uv_now(revocations->config.loop);
	const struct revocation *first = find_first(revocations);

	if (!first)
		uv_timer_stop(&revocations->timer);
	else
		uv_timer_start(&revocations->timer, on_due,
			first->due_ms > now_ms ? (uint64_t)(first->due_ms - now_ms) : 0, 0);
}

static void wait_for_end(struct revocation *revocation, uint64_t token, int64_t ms)
{
	struct revocations *revocations = revocation->revocations;

	if (revocation->freed_token == token) {
		answer(revocation, 0);
		return;
	}
	uv_update_time(revocations->config.loop);
	revocation->state = WAITING;
	revocation->token = token;
	revocation->due_ms = (int64_t)uv_now(revocations->config.loop) + ms + MESSAGE_SLACK_MS;
	arm_timer(revocations);
}

static void report_forgetful_server(const struct revocation *revocation)
{
	const struct backend_config *config = &revocation->revocations->config;
	char line[BACKEND_PROBLEM_MAX];

	snprintf(line, sizeof(line), "the server put off a forced release %d times, as if it forgot that the holder was "
		"told: the lock stays. Try again, and see who else writes to its keys (asked about %s:%s)",
		ASKS_MAX, config->namespace_, revocation->key);
	if (config->on_notice)
		config->on_notice(config->ctx, line);
}

static void on_asked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct revocation *revocation = call->ctx;
	uint64_t token;
	int64_t ms;
	bool asked = status == -EAGAIN && reply_revoked(reply, &token, &ms) == 0;

	(void)age_ms;
	/* More holdings than fit in one call are left; the grace of those asked to stop is not over. */
	if (asked && ms == 0)
		revocation->asks = 1;
	if (status == -EAGAIN && revocation->asks == ASKS_MAX) {
		report_forgetful_server(revocation);
		answer(revocation, -EIO);
		return;
	}
	/* A final call can get this too: a server that lost data does not know that the holder was notified. */
	if (asked) {
		wait_for_end(revocation, token, ms);
		return;
	}
	if (status == 0)
		report_ended(revocation, reply);
	if (status == -ENOENT && revocation->state == FORCING)
		status = 0; /* the holding was there before the grace and has ended since */
	answer(revocation, status == -EPROTO || status == -EAGAIN ? -EIO : status);
}

static void force(struct revocation *revocation)
{
	struct holding_match match = revocation->all ? match_any() : match_token(revocation->token);
	struct script_call *call = release_call(revocation->revocations->calls, revocation->key, match, FORCE_FINAL,
		revocation->token);

	if (!call) {
		answer(revocation, -ENOMEM);
		return;
	}
	revocation->state = FORCING;
	revocation->asks++;
	call->done = on_asked;
	call->ctx = revocation;
	script_call_start(call);
}

static void on_due(uv_timer_t *timer)
{
	struct revocations *revocations = timer->data;
	int64_t now_ms = (int64_t)uv_now(revocations->config.loop);
	struct revocation *first;

	while ((first = find_first(revocations)) && first->due_ms <= now_ms)
		force(first);
	arm_timer(revocations);
}

void revocations_release(struct revocations *revocations, const char *key, struct holding_match match, backend_done *done,
                       void *ctx)
{
	struct revocation *revocation = calloc(1, sizeof(*revocation));
	struct script_call *call = revocation ? release_call(revocations->calls, key, match, FORCE_FIRST, 0) : NULL;

	if (!call) {
		free(revocation);
		done(ctx, -ENOMEM);
		return;
	}
	revocation->revocations = revocations;
	revocation->state = ASKING;
	revocation->asks = 1;
	revocation->all = match.any;
	revocation->key = key;
	revocation->done = done;
	revocation->ctx = ctx;
	DL_APPEND(revocations->all, revocation);
	call->done = on_asked;
	call->ctx = revocation;
	script_call_start(call);
}

/* Returns a revocation that waits for the end of this holding, or NULL. */
static struct revocation *find_waiting(const struct revocations *revocations, const char *key, uint64_t token)
{
	struct revocation *revocation;

	DL_FOREACH(revocations->all, revocation)
		if (revocation->state == WAITING && revocation->token == token && strcmp(revocation->key, key) == 0)
			return revocation;
	return NULL;
}

void revocations_on_freed(struct revocations *revocations, const char *key, uint64_t token)
{
	struct revocation *revocation;

	/* FREED can arrive before the reply that says which token to wait for. */
	DL_FOREACH(revocations->all, revocation)
		if (revocation->state != WAITING && strcmp(revocation->key, key) == 0)
			revocation->freed_token = token;
	while ((revocation = find_waiting(revocations, key, token)))
		answer(revocation, 0);
	arm_timer(revocations);
}

static void on_confirmed(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	/* If this failed, the mount that revokes forces the release after the grace. */
	(void)call;
	(void)status;
	(void)reply;
	(void)age_ms;
}

void revocations_confirm(struct script_calls *calls, const char *key, uint64_t token)
{
	struct script_call *call = release_call(calls, key, match_token(token), FORCE_CONFIRM, 0);

	if (!call)
		return;
	call->of_mount = true;
	call->done = on_confirmed;
	script_call_start(call);
}

struct revocations *revocations_new(const struct backend_config *config, struct script_calls *calls, revocation_ended *ended,
                                    void *ctx)
{
	struct revocations *revocations = calloc(1, sizeof(*revocations));

	if (!revocations)
		return NULL;
	revocations->config = *config;
	revocations->calls = calls;
	revocations->ended = ended;
	revocations->ended_ctx = ctx;
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
	/* A revocation with a call under way is answered when that call ends. */
	while ((first = find_first(revocations)))
		answer(first, -ESHUTDOWN);
	uv_close((uv_handle_t *)&revocations->timer, on_closed);
}
