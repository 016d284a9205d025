/*
 * The connections of the mount and the present server. Whatever is learnt about another server first makes all connections
 * leave; then the calls look for it, and the followers wait until they are there.
 */
#include "backend/redis/net/primary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/finder.h"
#include "backend/redis/net/resolver.h"

#define SEARCH_MAX_MS 900 /* less than the 1000 ms of an attempt */
#define OTHERS_MAX_MS 300

/* A connection that is at the server of the calls or nowhere. */
struct follower {
	struct primary *primary;
	struct connection *connection;
	bool waits; /* its find() is not answered yet */
};

struct primary {
	struct backend_config config;
	struct redis_url *url;
	struct finder *finder;
	struct connection *calls;        /* NULL before primary_guide_calls() and after primary_close() */
	struct follower followers[PRIMARY_FOLLOWERS_MAX];
	size_t follower_count;
	struct redis_address at;         /* the server that was found last */
	struct redis_address next;       /* where the next attempt goes without a search, if `has_next` */
	char address[RESOLVER_ADDRESS_SIZE]; /* of `at`, to which the calls are connected; "" */
	char before[REDIS_ADDRESS_TEXT_SIZE]; /* the server at which the calls were last; "": none */
	char origin[FINDER_NAME_MAX + 3];
	bool has_next;
	bool is_ready;                   /* the calls are at `at` */
	unsigned int references;         /* to this memory: primary_close(), handles and questions */
	void (*freed)(void *ctx);
	void *ctx;
};

/* References */

void primary_hold(struct primary *primary)
{
	primary->references++;
}

void primary_let_go(void *ctx)
{
	struct primary *primary = ctx;

	if (--primary->references > 0)
		return;
	primary->finder->ops->free(primary->finder);
	primary->freed(primary->ctx);
	free(primary);
}

static void on_timer_closed(uv_handle_t *handle)
{
	const struct finder *finder = handle->data;

	primary_let_go(finder->primary);
}

void primary_timer_init(struct primary *primary, uv_timer_t *timer)
{
	uv_timer_init(primary->config.loop, timer);
	timer->data = primary->finder;
	primary_hold(primary);
}

void primary_timer_close(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* What finders need */

int64_t finder_limit_ms(const struct finder *finder)
{
	int64_t limit_ms = finder->config->timeout_ms * 3 / 4;

	return limit_ms < SEARCH_MAX_MS ? limit_ms + 1 : SEARCH_MAX_MS;
}

int64_t finder_others_ms(const struct finder *finder)
{
	int64_t half_ms = finder_limit_ms(finder) / 2;

	return half_ms < OTHERS_MAX_MS ? half_ms : OTHERS_MAX_MS;
}

struct question_form finder_question(const struct finder *finder)
{
	return (struct question_form){
		.loop = finder->config->loop,
		.tls = finder->tls,
		.user = finder->source->user,
		.password = finder->source->password,
		.use_tls = finder->source->tls,
		.limit_ms = finder_limit_ms(finder),
		.freed = primary_let_go,
		.freed_ctx = finder->primary,
	};
}

struct question *finder_ask(const struct finder *finder, const struct question_form *form, const struct redis_address *address,
                            question_answered *answered, void *ctx)
{
	struct question *question = question_ask(form, address, answered, ctx);

	if (question)
		primary_hold(finder->primary);
	return question;
}

const struct redis_address *primary_present(const struct primary *primary)
{
	return primary->is_ready ? &primary->at : NULL;
}

const struct redis_address *primary_last(const struct primary *primary)
{
	return &primary->at;
}

struct connection *primary_calls(const struct primary *primary)
{
	return primary->calls;
}

/* A primary that became a replica refuses writes at once, and reads if it lost its primary. */
enum refusal finder_judge_replica(struct finder *finder, const char *text)
{
	(void)finder;
	return strncmp(text, "READONLY", strlen("READONLY")) == 0 || strncmp(text, "MASTERDOWN", strlen("MASTERDOWN")) == 0 ?
		REFUSAL_MOVED :
		REFUSAL_FINAL;
}

/* The search */

void primary_found(struct primary *primary, const struct redis_address *address)
{
	if (redis_url_aim(primary->url, address) < 0) {
		primary_not_found(primary, -ENOMEM, strerror(ENOMEM));
		return;
	}
	primary->at = *address;
	connection_found(primary->calls);
}

void primary_not_found(struct primary *primary, int status, const char *problem)
{
	char line[BACKEND_PROBLEM_MAX]; /* as long as backend.h allows */

	snprintf(line, sizeof(line), "%s", problem);
	connection_not_found(primary->calls, status, line);
}

static void find_for_calls(void *ctx)
{
	struct primary *primary = ctx;
	struct redis_address next = primary->next;

	if (primary->has_next) {
		primary->has_next = false;
		primary_found(primary, &next);
	} else {
		primary->finder->ops->find(primary->finder);
	}
}

void primary_try_next(struct primary *primary, const struct redis_address *address)
{
	primary->next = *address;
	primary->has_next = true;
}

void primary_move(struct primary *primary, const struct redis_address *address)
{
	if (!primary->calls || (primary->is_ready && redis_address_equals(address, &primary->at)))
		return;
	primary_try_next(primary, address);
	/* "": the line about the new server says it all. */
	connection_drop(primary->calls, -EHOSTDOWN, "");
	connection_hurry(primary->calls);
}

/* The connection for calls */

static void report_change(struct primary *primary)
{
	char text[REDIS_ADDRESS_TEXT_SIZE], what[FINDER_NAME_MAX], line[BACKEND_PROBLEM_MAX];

	redis_address_print(&primary->at, text);
	if (*primary->before && strcmp(primary->before, text) != 0 && primary->config.on_notice) {
		primary->finder->ops->describe(primary->finder, what);
		snprintf(line, sizeof(line), "%.75s is now %.75s, it was %.75s", what, text, primary->before);
		primary->config.on_notice(primary->config.ctx, line);
	}
	stpcpy(primary->before, text);
}

static void call_up(struct follower *follower)
{
	bool waits = follower->waits;

	follower->waits = false;
	if (waits)
		connection_found(follower->connection);
	else
		connection_hurry(follower->connection);
}

static void on_calls_ready(void *ctx)
{
	struct primary *primary = ctx;

	primary->is_ready = true;
	primary->has_next = false;
	snprintf(primary->address, sizeof(primary->address), "%s", connection_address(primary->calls));
	report_change(primary);
	primary->finder->ops->on_ready(primary->finder);
	for (size_t i = 0; i < primary->follower_count; i++)
		call_up(&primary->followers[i]);
}

/* One that waits hears of each failed attempt of the calls: the mount may be starting. */
static void send_away(struct follower *follower, int status, const char *problem)
{
	if (follower->waits && *problem)
		connection_not_found(follower->connection, status, problem);
	else
		connection_leave(follower->connection, status, problem);
}

static void on_calls_lost(void *ctx, int status, const char *problem)
{
	struct primary *primary = ctx;

	primary->is_ready = false;
	primary->finder->ops->stop(primary->finder);
	for (size_t i = 0; i < primary->follower_count; i++)
		send_away(&primary->followers[i], status, problem);
}

static enum refusal judge(void *ctx, const char *text)
{
	struct primary *primary = ctx;

	return primary->finder->ops->judge(primary->finder, text);
}

/* The followers */

static void find_for_follower(void *ctx)
{
	struct follower *follower = ctx;

	follower->waits = !follower->primary->is_ready;
	if (follower->primary->is_ready)
		connection_found(follower->connection);
}

static bool checks_role(const struct primary *primary)
{
	return primary->finder->ops->checks_role && !primary->config.read_only;
}

void primary_guide_calls(struct primary *primary, struct connection *calls)
{
	const struct connection_guide guide = {
		.find = find_for_calls,
		.on_ready = on_calls_ready,
		.on_lost = on_calls_lost,
		.judge = judge,
		.origin = primary->origin,
		.checks_role = checks_role(primary),
		.ctx = primary,
	};

	primary->calls = calls;
	connection_set_guide(calls, &guide);
}

void primary_guide_follower(struct primary *primary, struct connection *connection)
{
	struct follower *follower = &primary->followers[primary->follower_count++];
	const struct connection_guide guide = {
		.find = find_for_follower,
		.origin = primary->origin,
		.waits = true,
		.checks_role = checks_role(primary),
		.address = primary->address,
		.ctx = follower,
	};

	*follower = (struct follower){ .primary = primary, .connection = connection };
	connection_set_guide(connection, &guide);
}

/* The beginning and the end */

static struct finder *make_finder(const struct finder *base)
{
	switch (base->source->topology) {
	case TOPOLOGY_SENTINEL:
		return sentinel_new(base);
	case TOPOLOGY_CLUSTER:
		return cluster_new(base);
	default:
		return server_list_new(base);
	}
}

struct primary *primary_new(const struct backend_config *config, struct redis_url *url, struct tls_context *tls,
                            void (*freed)(void *ctx), void *ctx)
{
	struct primary *primary = calloc(1, sizeof(*primary));
	struct finder base = { .primary = primary, .source = url, .tls = tls };

	if (!primary)
		return NULL;
	primary->config = *config;
	primary->url = url;
	primary->freed = freed;
	primary->ctx = ctx;
	primary->references = 1;
	base.config = &primary->config;
	primary->finder = make_finder(&base);
	if (!primary->finder) {
		free(primary);
		return NULL;
	}
	if (url->topology != TOPOLOGY_LIST) {
		char what[FINDER_NAME_MAX];

		primary->finder->ops->describe(primary->finder, what);
		snprintf(primary->origin, sizeof(primary->origin), " (%s)", what);
	}
	return primary;
}

void primary_start(struct primary *primary)
{
	primary->finder->ops->start(primary->finder);
}

void primary_forget_followers(struct primary *primary)
{
	primary->follower_count = 0;
}

void primary_close(struct primary *primary)
{
	primary->calls = NULL;
	primary->follower_count = 0;
	primary->finder->ops->close(primary->finder);
	primary_let_go(primary);
}
