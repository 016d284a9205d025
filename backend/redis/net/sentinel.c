/*
 * Sentinels name the primary. A search asks all of them, and the address that most of them name counts; on a tie,
 * none. A connection to each hears of switches, and the first message counts. Once a second one of them is asked,
 * because a message may be lost: if it names another server than the present one, all are asked again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/address_reply.h"
#include "backend/redis/net/sentinel_internal.h"
#include "backend/redis/net/server_error.h"

#define POLL_MS 1000  /* between two questions while all is well */

static struct sentinels *sentinels_of(struct finder *finder)
{
	return (struct sentinels *)finder;
}

static const char *name_of(const struct sentinels *sentinels)
{
	return sentinels->base.source->primary_name;
}

/* The votes */

static size_t count_votes(const struct sentinels *sentinels, const struct redis_address *address)
{
	size_t votes = 0;

	for (size_t i = 0; i < sentinels->count; i++) {
		const struct sentinel *sentinel = &sentinels->each[i];

		if (!sentinel->is_double && sentinel->vote == VOTE_ADDRESS && redis_address_equals(&sentinel->named, address))
			votes++;
	}
	return votes;
}

static const struct sentinel *find_vote(const struct sentinels *sentinels, enum vote vote)
{
	for (size_t i = 0; i < sentinels->count; i++)
		if (sentinels->each[i].vote == vote)
			return &sentinels->each[i];
	return NULL;
}

/* Returns one of those that name the address with the most votes, NULL if none names any. *rival names another one with as many. */
static const struct sentinel *count_all(const struct sentinels *sentinels, const struct sentinel **rival)
{
	const struct sentinel *best = NULL;
	size_t most = 0;

	*rival = NULL;
	for (size_t i = 0; i < sentinels->count; i++) {
		const struct sentinel *sentinel = &sentinels->each[i];
		size_t votes = sentinel->vote == VOTE_ADDRESS ? count_votes(sentinels, &sentinel->named) : 0;

		if (votes > most) {
			best = sentinel;
			most = votes;
			*rival = NULL;
		} else if (votes > 0 && votes == most && !redis_address_equals(&sentinel->named, &best->named)) {
			*rival = sentinel;
		}
	}
	return best;
}

static bool is_anybody_asked(const struct sentinels *sentinels)
{
	for (size_t i = 0; i < sentinels->count; i++)
		if (sentinels->each[i].question)
			return true;
	return false;
}

/* The end of a search */

static void stop_asking(struct finder *finder)
{
	struct sentinels *sentinels = sentinels_of(finder);

	sentinels->purpose = PURPOSE_NONE;
	uv_timer_stop(&sentinels->limit);
	for (size_t i = 0; i < sentinels->count; i++) {
		question_drop(sentinels->each[i].question);
		sentinels->each[i].question = NULL;
	}
}

static void refuse_tie(struct sentinels *sentinels, const struct sentinel *one, const struct sentinel *other)
{
	char texts[4][REDIS_ADDRESS_TEXT_SIZE], problem[3 * FINDER_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "the Sentinels disagree about the primary of %s: %s names %s, and %s names %s",
		name_of(sentinels), redis_address_print(&one->address, texts[0]), redis_address_print(&one->named, texts[1]),
		redis_address_print(&other->address, texts[2]), redis_address_print(&other->named, texts[3]));
	primary_not_found(sentinels->base.primary, -EHOSTDOWN, problem);
}

static void report_nothing(struct sentinels *sentinels)
{
	const struct sentinel *failed = find_vote(sentinels, VOTE_FAILED);
	char problem[2 * FINDER_PROBLEM_MAX];

	if (find_vote(sentinels, VOTE_UNKNOWN))
		snprintf(problem, sizeof(problem), "the Sentinels watch no primary of the name %s: SENTINEL MASTERS lists the names",
			name_of(sentinels));
	else
		snprintf(problem, sizeof(problem), "no Sentinel names the primary of %s: %s", name_of(sentinels),
			failed ? failed->problem : "none answers");
	primary_not_found(sentinels->base.primary, -EHOSTDOWN, problem);
}

static void decide_search(struct sentinels *sentinels)
{
	const struct sentinel *rival;
	const struct sentinel *best = count_all(sentinels, &rival);

	if (!best)
		report_nothing(sentinels);
	else if (rival)
		refuse_tie(sentinels, best, rival);
	else
		primary_found(sentinels->base.primary, &best->named);
}

/* A living server is left only for one that more Sentinels name. */
static void decide_check(struct sentinels *sentinels)
{
	const struct redis_address *present = primary_present(sentinels->base.primary);
	const struct sentinel *rival;
	const struct sentinel *best = count_all(sentinels, &rival);

	if (best && !rival && present && !redis_address_equals(&best->named, present))
		primary_move(sentinels->base.primary, &best->named);
}

static void decide(struct sentinels *sentinels)
{
	enum purpose purpose = sentinels->purpose;

	stop_asking(&sentinels->base);
	if (purpose == PURPOSE_SEARCH)
		decide_search(sentinels);
	else
		decide_check(sentinels);
}

static void on_last_limit(uv_timer_t *timer)
{
	decide(sentinels_of(timer->data));
}

static void on_limit(uv_timer_t *timer)
{
	struct sentinels *sentinels = sentinels_of(timer->data);
	int64_t left_ms = finder_limit_ms(&sentinels->base) - finder_others_ms(&sentinels->base);

	if (find_vote(sentinels, VOTE_ADDRESS) || find_vote(sentinels, VOTE_UNKNOWN) || left_ms <= 0)
		decide(sentinels);
	else
		uv_timer_start(timer, on_last_limit, (uint64_t)left_ms, 0);
}

/* Questions */

static void describe_refusal(struct sentinel *sentinel, const char *text)
{
	char address[REDIS_ADDRESS_TEXT_SIZE];

	redis_address_print(&sentinel->address, address);
	if (strncmp(text, "NOAUTH", strlen("NOAUTH")) == 0)
		snprintf(sentinel->problem, sizeof(sentinel->problem),
			"the Sentinel %s wants a password: give sentinel_password_file=", address);
	else if (strncmp(text, "ERR unknown command", strlen("ERR unknown command")) == 0)
		snprintf(sentinel->problem, sizeof(sentinel->problem),
			"%s is no Sentinel: if it is a server with locks, write redis:// in SOURCE", address);
	else
		server_error_print(sentinel->url.name, text, sentinel->problem, sizeof(sentinel->problem));
}

static void read_answer(struct sentinel *sentinel, const redisReply *reply, const char *problem)
{
	sentinel->vote = VOTE_FAILED;
	if (!reply)
		snprintf(sentinel->problem, sizeof(sentinel->problem), "%s", problem);
	else if (reply->type == REDIS_REPLY_ERROR)
		describe_refusal(sentinel, reply->str);
	else if (reply->type == REDIS_REPLY_NIL)
		sentinel->vote = VOTE_UNKNOWN;
	else if (address_reply_primary(reply, &sentinel->named) == 0)
		sentinel->vote = VOTE_ADDRESS;
	else
		snprintf(sentinel->problem, sizeof(sentinel->problem), "%s names no address", sentinel->url.name);
}

static void ask(struct sentinel *sentinel, question_answered *answered)
{
	struct sentinels *sentinels = sentinel->all;
	struct question_form form = finder_question(&sentinels->base);

	form.user = sentinels->user;
	form.password = sentinels->password;
	form.what = "the Sentinel";
	form.argc = 3;
	form.argv = sentinels->ask;
	sentinel->question = finder_ask(&sentinels->base, &form, &sentinel->address, answered, sentinel);
}

static void on_answer(void *ctx, const redisReply *reply, const char *problem)
{
	struct sentinel *sentinel = ctx;
	struct sentinels *sentinels = sentinel->all;

	sentinel->question = NULL;
	read_answer(sentinel, reply, problem);
	if (!is_anybody_asked(sentinels) ||
		(sentinel->vote == VOTE_ADDRESS && 2 * count_votes(sentinels, &sentinel->named) > sentinels->count))
		decide(sentinels);
}

static void ask_all(struct sentinels *sentinels, enum purpose purpose)
{
	stop_asking(&sentinels->base);
	sentinels->purpose = purpose;
	uv_timer_start(&sentinels->limit, on_limit, (uint64_t)finder_others_ms(&sentinels->base), 0);
	for (size_t i = 0; i < sentinels->count; i++) {
		sentinels->each[i].vote = VOTE_NONE;
		if (!sentinels->each[i].is_double)
			ask(&sentinels->each[i], on_answer);
	}
}

static void find(struct finder *finder)
{
	uv_timer_stop(&sentinels_of(finder)->poll);
	ask_all(sentinels_of(finder), PURPOSE_SEARCH);
}

/* Polling */

static void on_poll_answer(void *ctx, const redisReply *reply, const char *problem)
{
	struct sentinel *sentinel = ctx;
	struct sentinels *sentinels = sentinel->all;
	const struct redis_address *present = primary_present(sentinels->base.primary);

	sentinel->question = NULL;
	sentinels->purpose = PURPOSE_NONE;
	read_answer(sentinel, reply, problem);
	if (present && sentinel->vote == VOTE_ADDRESS && !redis_address_equals(&sentinel->named, present))
		ask_all(sentinels, PURPOSE_CHECK);
}

static void on_poll(uv_timer_t *timer)
{
	struct sentinels *sentinels = sentinels_of(timer->data);

	if (sentinels->purpose == PURPOSE_SEARCH || sentinels->purpose == PURPOSE_CHECK)
		return;
	stop_asking(&sentinels->base);
	sentinels->polled = (sentinels->polled + 1) % sentinels->count;
	if (!sentinels->each[sentinels->polled].is_double) {
		sentinels->purpose = PURPOSE_POLL;
		ask(&sentinels->each[sentinels->polled], on_poll_answer);
	}
}

static void on_ready(struct finder *finder)
{
	uv_timer_start(&sentinels_of(finder)->poll, on_poll, POLL_MS, POLL_MS);
}

/* The list of Sentinels */

static bool copy(char **to, const char *text)
{
	return !text || (*to = strdup(text));
}

/* Sets up an entry. Returns false if there is no memory. */
static bool set_up(struct sentinels *sentinels, struct sentinel *sentinel, const struct redis_address *address)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];

	sentinel->all = sentinels;
	sentinel->address = *address;
	sentinel->url.tls = sentinels->base.source->tls;
	sentinel->url.port = address->port;
	if (asprintf(&sentinel->url.name, "the Sentinel %s", redis_address_print(address, text)) < 0)
		sentinel->url.name = NULL;
	return sentinel->url.name && copy(&sentinel->url.host, address->host) && copy(&sentinel->url.user, sentinels->user) &&
		copy(&sentinel->url.password, sentinels->password);
}

void sentinels_add(struct sentinels *sentinels, const struct redis_address *address)
{
	struct sentinel *sentinel = &sentinels->each[sentinels->count];

	for (size_t i = 0; i < sentinels->count; i++)
		if (sentinel_means(&sentinels->each[i], address))
			return;
	if (sentinels->count == SENTINELS_MAX)
		return;
	if (!set_up(sentinels, sentinel, address)) {
		redis_url_free(&sentinel->url);
		return;
	}
	sentinels->count++;
	if (sentinels->is_started)
		sentinel_hear(sentinel);
}

/* The rest of the table */

static void start(struct finder *finder)
{
	struct sentinels *sentinels = sentinels_of(finder);

	sentinels->is_started = true;
	primary_timer_init(finder->primary, &sentinels->limit);
	primary_timer_init(finder->primary, &sentinels->poll);
	for (size_t i = 0; i < sentinels->count; i++)
		sentinel_hear(&sentinels->each[i]);
}

static void close_all(struct finder *finder)
{
	struct sentinels *sentinels = sentinels_of(finder);

	if (!sentinels->is_started)
		return;
	stop_asking(finder);
	for (size_t i = 0; i < sentinels->count; i++)
		if (sentinels->each[i].hearing)
			connection_close(sentinels->each[i].hearing);
	primary_timer_close(&sentinels->limit);
	primary_timer_close(&sentinels->poll);
}

static void free_all(struct finder *finder)
{
	struct sentinels *sentinels = sentinels_of(finder);

	for (size_t i = 0; i < sentinels->count; i++)
		redis_url_free(&sentinels->each[i].url);
	if (sentinels->password)
		explicit_bzero(sentinels->password, strlen(sentinels->password));
	free(sentinels->user);
	free(sentinels->password);
	free(sentinels);
}

static void describe(const struct finder *finder, char text[FINDER_NAME_MAX])
{
	snprintf(text, FINDER_NAME_MAX, "the primary of %s", finder->source->primary_name);
}

static const struct finder_ops ops = {
	.find = find,
	.stop = stop_asking,
	.start = start,
	.on_ready = on_ready,
	.judge = finder_judge_replica,
	.close = close_all,
	.free = free_all,
	.describe = describe,
	.checks_role = true,
};

struct finder *sentinel_new(const struct finder *base)
{
	struct sentinels *sentinels = calloc(1, sizeof(*sentinels));

	if (!sentinels)
		return NULL;
	sentinels->base = *base;
	sentinels->base.ops = &ops;
	sentinels->ask[0] = "SENTINEL";
	sentinels->ask[1] = "GET-MASTER-ADDR-BY-NAME";
	sentinels->ask[2] = base->source->primary_name;
	if (copy(&sentinels->user, base->config->sentinel_user) && copy(&sentinels->password, base->config->sentinel_password))
		for (size_t i = 0; i < base->source->address_count; i++)
			sentinels_add(sentinels, &base->source->addresses[i]);
	if (sentinels->count > 0)
		return &sentinels->base;
	free_all(&sentinels->base);
	return NULL;
}
