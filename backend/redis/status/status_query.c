/*
 * One question at a time: CONFIG GET for two settings and status.lua go out in one write. Then the answers of the other
 * mounts are collected, and all readers are answered. Readers that come meanwhile share the answer.
 */
#include "backend/redis/status/status_query.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>
#include <uv.h>

#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/status/roll_call.h"
#include "backend/util/clock.h"

#define COLLECT_MS 300        /* how long the other mounts have to answer */
#define ANSWERS_A_SECOND 100  /* how often this mount says where it is; anybody can ask */
#define HERE_MAX (HERE_HOST_MAX + HERE_PLACE_MAX + HERE_VERSION_MAX + 64)

struct status_reader {
	backend_status_done *done;
	void *ctx;
	bool of_mounts;
	struct status_reader *next;
};

enum phase {
	IDLE,
	ASKING,     /* the server */
	LOSING,     /* the connection, over which no answer came: status_query_on_down() will tell why */
	COLLECTING, /* the answers of the other mounts */
	ANSWERING,  /* the readers, whose callbacks may start other questions */
};

struct status_query {
	struct backend_config config; /* its texts belong to the backend */
	const struct redis_url *url;
	struct script_calls *calls;
	const struct reclaim *reclaim;
	struct server_record record;
	struct server_settings settings; /* that the server has told for the question under way */
	bool settings_refused;           /* on this connection: the user of the server may not read them */
	struct roll_call roll;
	enum phase phase;
	bool of_mounts;                  /* the question under way is about the other mounts, too */
	struct status_reader *readers;
	uv_timer_t collecting;
	int64_t answers_since_ns;        /* CLOCK_BOOTTIME, when `answers` was 0 */
	unsigned int answers;            /* HERE messages that were sent since then */
	bool closing;
	unsigned int references;         /* to this memory: the timer, and each command and call under way */
	void (*freed)(void *ctx);
	void *freed_ctx;
};

static void drop_reference(struct status_query *query)
{
	void (*freed)(void *ctx) = query->freed;
	void *ctx = query->freed_ctx;

	if (--query->references > 0)
		return;
	roll_call_free(&query->roll);
	free(query);
	freed(ctx);
}

/* The end of a question */

static void fill(const struct status_query *query, struct backend_status *ret)
{
	server_record_fill(&query->record, ret);
	ret->source = query->url->name;
	ret->grace_left_ms = reclaim_grace_ms(query->reclaim);
	roll_call_fill(&query->roll, ret);
}

/* Answers the readers that wanted no more than was asked. */
static void answer_readers(struct status_query *query, int status)
{
	struct status_reader *waiting = query->readers, *reader;
	struct backend_status answer;

	query->readers = NULL;
	fill(query, &answer);
	while ((reader = waiting)) {
		LL_DELETE(waiting, reader);
		if (status == 0 && reader->of_mounts && !query->of_mounts) {
			LL_APPEND(query->readers, reader);
			continue;
		}
		reader->done(reader->ctx, status, status == 0 ? &answer : NULL);
		free(reader);
	}
}

static void begin(struct status_query *query);

static void finish(struct status_query *query, int status)
{
	query->phase = ANSWERING;
	answer_readers(query, query->closing ? -ESHUTDOWN : status);
	query->phase = IDLE;
	if (query->readers)
		begin(query);
}

static void end_roll_call(struct status_query *query, bool is_known)
{
	uv_timer_stop(&query->collecting);
	roll_call_end(&query->roll, is_known);
	finish(query, 0);
}

static void on_collected(uv_timer_t *timer)
{
	end_roll_call(timer->data, true);
}

void status_query_on_here(struct status_query *query, const struct mount_here *here)
{
	if (roll_call_add(&query->roll, here) && query->phase == COLLECTING)
		end_roll_call(query, true);
}

/* The question */

static void collect(struct status_query *query, int64_t asked)
{
	if (asked < 0 || roll_call_expect(&query->roll, (size_t)asked)) {
		end_roll_call(query, asked >= 0);
		return;
	}
	query->phase = COLLECTING;
	uv_update_time(query->config.loop);
	uv_timer_start(&query->collecting, on_collected, COLLECT_MS, 0);
}

/* The server has answered, or will not; `asked`: how many mounts it asked, or -1. */
static void go_on(struct status_query *query, int64_t asked)
{
	if (query->roll.is_open && !query->closing)
		collect(query, asked);
	else
		finish(query, 0);
}

static void on_answer(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct status_query *query = call->ctx;
	struct server_reply answer;

	(void)age_ms;
	if (status == 0)
		status = reply_server(reply, &answer);
	if (status == 0)
		server_record_learn(&query->record, &answer, &query->settings, boot_ns() - call->sent_ns);
	if (status < 0 && query->record.up && !query->closing && !script_calls_are_up(query->calls))
		query->phase = LOSING;
	else
		go_on(query, status == 0 ? answer.mounts_asked : -1);
	drop_reference(query);
}

/* Settings that INFO does not have. */

static void note_save(struct server_settings *settings, const char *value)
{
	settings->has_save = true;
	settings->makes_snapshots = *value;
}

static void note_fsync(struct server_settings *settings, const char *value)
{
	static const struct {
		const char *word;
		enum persistence log;
	} words[] = {
		{ "always", PERSISTENCE_LOG_ALWAYS }, { "everysec", PERSISTENCE_LOG_SECOND }, { "no", PERSISTENCE_LOG_NO },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(value, words[i].word) == 0)
			settings->log = words[i].log;
}

/* NULL: the connection was lost. */
static void on_setting(struct status_query *query, const redisReply *reply,
                       void (*note)(struct server_settings *settings, const char *value))
{
	const char *value = reply_config(reply);

	if (value)
		note(&query->settings, value);
	else if (reply && reply->type == REDIS_REPLY_ERROR)
		query->settings_refused = true;
	drop_reference(query);
}

static void on_save(redisAsyncContext *context, void *reply, void *ctx)
{
	(void)context;
	on_setting(ctx, reply, note_save);
}

static void on_fsync(redisAsyncContext *context, void *reply, void *ctx)
{
	(void)context;
	on_setting(ctx, reply, note_fsync);
}

static void ask_setting(struct status_query *query, const char *name, redisCallbackFn *callback)
{
	const char *argv[] = { "CONFIG", "GET", name };
	const size_t lengths[] = { strlen(argv[0]), strlen(argv[1]), strlen(name) };

	if (query->settings_refused)
		return;
	query->references++;
	if (script_calls_send_command(query->calls, callback, query, 3, argv, lengths) < 0)
		query->references--;
}

static bool wants_mounts(const struct status_query *query)
{
	const struct status_reader *reader;

	LL_FOREACH(query->readers, reader)
		if (reader->of_mounts)
			return true;
	return false;
}

static void begin(struct status_query *query)
{
	struct script_call *call = script_call_new(query->calls, SCRIPT_STATUS, "");

	query->phase = ASKING;
	query->of_mounts = wants_mounts(query);
	if (!call) {
		finish(query, -ENOMEM);
		return;
	}
	query->settings = (struct server_settings){ .log = PERSISTENCE_LOG };
	ask_setting(query, "save", on_save);
	ask_setting(query, "appendfsync", on_fsync);
	if (query->of_mounts && !roll_call_is_fresh(&query->roll)) {
		roll_call_begin(&query->roll);
		script_call_add_token(call, query->roll.number);
	} else {
		script_call_add_text(call, "");
	}
	call->of_mount = true;
	call->done = on_answer;
	call->ctx = query;
	query->references++;
	script_call_start(call);
}

void status_query_start(struct status_query *query, bool of_mounts, backend_status_done *done, void *ctx)
{
	struct status_reader *reader = query->closing ? NULL : calloc(1, sizeof(*reader));

	if (!reader) {
		done(ctx, query->closing ? -ESHUTDOWN : -ENOMEM, NULL);
		return;
	}
	*reader = (struct status_reader){ .done = done, .ctx = ctx, .of_mounts = of_mounts };
	LL_APPEND(query->readers, reader);
	if (query->phase == IDLE)
		begin(query);
}

/* What other mounts ask */

/* Counts an answer. Returns false if there were enough for this second. */
static bool may_answer(struct status_query *query)
{
	int64_t now_ns = boot_ns();

	if (now_ns - query->answers_since_ns >= NS_PER_S) {
		query->answers_since_ns = now_ns;
		query->answers = 0;
	}
	return query->answers++ < ANSWERS_A_SECOND;
}

struct here_answer {
	char to[RANDOM_ID_SIZE];
	char text[HERE_MAX];
};

static void on_told(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)status;
	(void)reply;
	(void)age_ms;
	free(call->ctx);
}

/* Returns the size of the message; 0 if this host has no name. */
static size_t print_here(const struct status_query *query, uint64_t number, char text[HERE_MAX])
{
	const char *place = query->config.mountpoint;
	char host[HOST_NAME_MAX + 1] = "";
	struct mount_here here = { .number = number, .host = host, .place = place && *place ? place : "?", .version = LOCKFS_VERSION };

	if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
		return 0;
	return message_print_here(&here, text, HERE_MAX);
}

void status_query_on_who(struct status_query *query, uint64_t number, const char *asker)
{
	struct here_answer *answer;
	struct script_call *call;
	size_t size;

	if (query->closing || strlen(asker) >= RANDOM_ID_SIZE || !may_answer(query))
		return;
	answer = calloc(1, sizeof(*answer));
	call = answer ? script_call_new(query->calls, SCRIPT_HERE, "") : NULL;
	size = call ? print_here(query, number, answer->text) : 0;
	if (size == 0) {
		free(call);
		free(answer);
		return;
	}
	stpcpy(answer->to, asker);
	script_call_add_text(call, answer->to);
	script_call_add_bytes(call, answer->text, size);
	call->of_mount = true;
	call->done = on_told;
	call->ctx = answer;
	script_call_start(call);
}

/* The connection */

void status_query_on_up(struct status_query *query)
{
	char line[BACKEND_PROBLEM_MAX];

	query->settings_refused = false;
	if (server_record_up(&query->record, query->url->name, script_calls_server(query->calls), line) && query->config.on_notice)
		query->config.on_notice(query->config.ctx, line);
}

void status_query_on_down(struct status_query *query, const char *problem)
{
	server_record_down(&query->record, problem);
	if (query->phase == LOSING)
		go_on(query, -1);
}

const struct server_record *status_query_record(const struct status_query *query)
{
	return &query->record;
}

void status_query_stats(const struct status_query *query, struct backend_stats *ret)
{
	struct promise_facts facts = server_record_facts(&query->record);

	ret->failovers = query->record.failovers;
	ret->replicas_in_sync = facts.replicas == STATUS_UNKNOWN ? -1 : facts.replicas;
}

struct status_query *status_query_new(const struct backend_config *config, const struct redis_url *url, struct script_calls *calls,
                                      const struct reclaim *reclaim)
{
	struct status_query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	server_record_init(&query->record);
	query->record.replicas_asked = (int64_t)config->replicas;
	query->config = *config;
	query->url = url;
	query->calls = calls;
	query->reclaim = reclaim;
	query->record.reclaims = config->grace_ms > 0 && !config->read_only;
	query->references = 1;
	uv_timer_init(config->loop, &query->collecting);
	query->collecting.data = query;
	return query;
}

static void on_timer_closed(uv_handle_t *handle)
{
	drop_reference(handle->data);
}

void status_query_close(struct status_query *query, void (*freed)(void *ctx), void *ctx)
{
	query->closing = true;
	query->freed = freed;
	query->freed_ctx = ctx;
	if (query->phase == COLLECTING || query->phase == LOSING)
		finish(query, -ESHUTDOWN);
	uv_close((uv_handle_t *)&query->collecting, on_timer_closed);
}
