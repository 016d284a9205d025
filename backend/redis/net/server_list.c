/*
 * SOURCE names several servers: the one that is primary is looked for. All are asked at once. If two say that they
 * are primaries, none is used, as each mount could choose another one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/finder.h"
#include "backend/redis/net/server_error.h"

#define REPLICATION_ID_SIZE 41

enum answer { ANSWER_NONE, ANSWER_PRIMARY, ANSWER_REPLICA, ANSWER_FAILED };

struct candidate {
	struct server_list *list;
	const struct redis_address *address;
	struct question *question; /* NULL: it is not asked, or has answered */
	enum answer answer;
	char replication_id[REPLICATION_ID_SIZE]; /* of a primary: no two primaries have the same */
	char problem[FINDER_PROBLEM_MAX];        /* why it cannot be used */
};

struct server_list {
	struct finder base;
	uv_timer_t limit;
	size_t count;
	struct candidate candidates[REDIS_ADDRESSES_MAX];
};

/* The decision */

static void stop_search(struct finder *finder)
{
	struct server_list *list = (struct server_list *)finder;

	uv_timer_stop(&list->limit);
	for (size_t i = 0; i < list->count; i++) {
		question_drop(list->candidates[i].question);
		list->candidates[i].question = NULL;
	}
}

static const struct candidate *find_answer(const struct server_list *list, enum answer answer)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->candidates[i].answer == answer)
			return &list->candidates[i];
	return NULL;
}

/* Finds a primary that is another server than `one`; a server may be named by two addresses. */
static const struct candidate *find_other_primary(const struct server_list *list, const struct candidate *one)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->candidates[i].answer == ANSWER_PRIMARY &&
			strcmp(list->candidates[i].replication_id, one->replication_id) != 0)
			return &list->candidates[i];
	return NULL;
}

static void refuse_both(struct server_list *list, const struct candidate *one, const struct candidate *other)
{
	char texts[2][REDIS_ADDRESS_TEXT_SIZE], problem[2 * FINDER_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "%s and %s are both primaries, so it is not clear which has the locks: "
		"name servers of one primary in SOURCE", redis_address_print(one->address, texts[0]),
		redis_address_print(other->address, texts[1]));
	primary_not_found(list->base.primary, -EHOSTDOWN, problem);
}

static void report_none(struct server_list *list)
{
	char problem[FINDER_PROBLEM_MAX];
	size_t length = (size_t)snprintf(problem, sizeof(problem), "none of %zu servers is a primary", list->count);

	for (size_t i = 0; i < list->count && length < sizeof(problem); i++)
		length += (size_t)snprintf(problem + length, sizeof(problem) - length, "%s%s", i > 0 ? "; " : ": ",
			list->candidates[i].problem);
	primary_not_found(list->base.primary, -EHOSTDOWN, problem);
}

static void decide(struct server_list *list)
{
	const struct candidate *chosen = find_answer(list, ANSWER_PRIMARY);
	const struct candidate *other = chosen ? find_other_primary(list, chosen) : NULL;

	stop_search(&list->base);
	if (!chosen && list->base.config->read_only)
		chosen = find_answer(list, ANSWER_REPLICA);
	if (other)
		refuse_both(list, chosen, other);
	else if (chosen)
		primary_found(list->base.primary, chosen->address);
	else
		report_none(list);
}

static void on_limit(uv_timer_t *timer)
{
	decide(timer->data);
}

/* Answers */

/* Reads a field of INFO into `value`, cut off if it is too long. */
static bool read_field(const char *info, const char *name, char *value, size_t size)
{
	const char *at = strstr(info, name);

	if (!at)
		return false;
	at += strlen(name);
	snprintf(value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return true;
}

static void read_replication(struct candidate *candidate, const char *info)
{
	char role[16], text[REDIS_ADDRESS_TEXT_SIZE];

	redis_address_print(candidate->address, text);
	candidate->answer = ANSWER_FAILED;
	if (!read_field(info, "\nrole:", role, sizeof(role))) {
		snprintf(candidate->problem, sizeof(candidate->problem), "%s has no role: is it a Sentinel?", text);
	} else if (strcmp(role, "master") != 0) {
		candidate->answer = ANSWER_REPLICA;
		snprintf(candidate->problem, sizeof(candidate->problem), "%s is a replica", text);
	} else if (read_field(info, "\nmaster_replid:", candidate->replication_id, sizeof(candidate->replication_id))) {
		candidate->answer = ANSWER_PRIMARY;
	}
}

static void read_answer(struct candidate *candidate, const redisReply *reply, const char *problem)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];

	candidate->answer = ANSWER_FAILED;
	if (!reply)
		snprintf(candidate->problem, sizeof(candidate->problem), "%s", problem);
	else if (reply->type == REDIS_REPLY_ERROR)
		server_error_print(redis_address_print(candidate->address, text), reply->str, candidate->problem,
			sizeof(candidate->problem));
	else
		read_replication(candidate, reply->str ? reply->str : "");
}

static bool is_anybody_asked(const struct server_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->candidates[i].question)
			return true;
	return false;
}

static void on_answer(void *ctx, const redisReply *reply, const char *problem)
{
	struct candidate *candidate = ctx;
	struct server_list *list = candidate->list;
	uint64_t others_ms = (uint64_t)finder_others_ms(&list->base);
	bool is_first = !find_answer(list, ANSWER_PRIMARY);

	candidate->question = NULL;
	read_answer(candidate, reply, problem);
	if (!is_anybody_asked(list))
		decide(list);
	else if (is_first && candidate->answer == ANSWER_PRIMARY && uv_timer_get_due_in(&list->limit) > others_ms)
		uv_timer_start(&list->limit, on_limit, others_ms, 0);
}

static void ask(struct candidate *candidate)
{
	static const char *const command[] = { "INFO", "replication" };
	struct question_form form = finder_question(&candidate->list->base);
	char text[REDIS_ADDRESS_TEXT_SIZE];

	form.argc = 2;
	form.argv = command;
	candidate->answer = ANSWER_NONE;
	snprintf(candidate->problem, sizeof(candidate->problem), "%s does not answer",
		redis_address_print(candidate->address, text));
	candidate->question = finder_ask(&candidate->list->base, &form, candidate->address, on_answer, candidate);
}

static void find(struct finder *finder)
{
	struct server_list *list = (struct server_list *)finder;

	stop_search(finder);
	uv_timer_start(&list->limit, on_limit, (uint64_t)finder_limit_ms(finder), 0);
	for (size_t i = 0; i < list->count; i++)
		ask(&list->candidates[i]);
}

/* The rest of the table */

static void start(struct finder *finder)
{
	struct server_list *list = (struct server_list *)finder;

	primary_timer_init(finder->primary, &list->limit);
}

static void on_ready(struct finder *finder)
{
	(void)finder;
}

static void close_list(struct finder *finder)
{
	struct server_list *list = (struct server_list *)finder;

	if (!list->limit.data)
		return;
	stop_search(finder);
	primary_timer_close(&list->limit);
}

static void free_list(struct finder *finder)
{
	free(finder);
}

static void describe(const struct finder *finder, char text[FINDER_NAME_MAX])
{
	(void)finder;
	snprintf(text, FINDER_NAME_MAX, "the primary");
}

static const struct finder_ops ops = {
	.find = find,
	.stop = stop_search,
	.start = start,
	.on_ready = on_ready,
	.judge = finder_judge_replica,
	.close = close_list,
	.free = free_list,
	.describe = describe,
	.checks_role = true,
};

struct finder *server_list_new(const struct finder *base)
{
	struct server_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->base = *base;
	list->base.ops = &ops;
	list->count = base->source->address_count;
	for (size_t i = 0; i < list->count; i++) {
		list->candidates[i].list = list;
		list->candidates[i].address = &base->source->addresses[i];
	}
	return &list->base;
}
