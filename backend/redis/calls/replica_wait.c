/* One question at a time: SET and WAIT in one write. What is asked meanwhile is a question of its own, which follows. */
#include "backend/redis/calls/replica_wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/outage.h"
#include "backend/redis/reply/server_info.h"
#include "backend/util/clock.h"
#include "backend/util/trace_line.h"

#define KEY_LASTS_MS "1000" /* of the key that is written */
#define RETRY_MS 75         /* until a server that refused the key is asked again, as in call_retry.c */
#define EARLIER_MS 110      /* WAIT ends before the first call does, and the server notices that up to 100 ms later (hz 10) */
#define NUMBER_SIZE 24      /* bytes of a number in digits, its NUL included */

struct replica_wait {
	struct backend_config config;
	const struct redis_url *url;
	struct connection *connection;
	struct replica_wait_handlers handlers;
	struct outage outage;
	bool started;
	bool closing;
	bool was_ready;        /* the present or last connection */
	bool is_written;       /* the key of the question that is under way */
	uint64_t wanted;       /* the last number that was given out */
	uint64_t asked;        /* the last question that was sent; `wanted` is at most one more */
	bool is_under_way;
	int64_t sent_ns;       /* CLOCK_BOOTTIME */
	char run_id[SERVER_WORD_MAX]; /* of the server that this is connected to */
	char problem[BACKEND_PROBLEM_MAX]; /* why the last question was not confirmed; "": none was asked, or it was */
	uv_timer_t timer;      /* a question is under way: the server is silent. Else: the pause before the next one ends */
	unsigned int references; /* to this struct: the timer and the connection */
	char key[];            /* NS#r:INSTANCE (lua/include/names.lua) */
};

static void drop_reference(struct replica_wait *wait)
{
	if (--wait->references > 0)
		return;
	wait->handlers.on_freed(wait->handlers.ctx);
	free(wait);
}

static int send_words(struct replica_wait *wait, redisCallbackFn *callback, int argc, const char **argv)
{
	size_t lengths[5];

	for (int i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	return connection_send(wait->connection, callback, wait, argc, argv, lengths);
}

static void notice(const struct replica_wait *wait, const char *line)
{
	if (wait->config.on_notice)
		wait->config.on_notice(wait->config.ctx, line);
}

static void trace(const struct replica_wait *wait, const char *answer)
{
	struct trace_line line = { .length = 0 };

	if (!wait->config.on_trace)
		return;
	trace_add(&line, "redis < WAIT %zu: %s (%.3f ms)", wait->config.replicas, answer,
		(double)(boot_ns() - wait->sent_ns) / NS_PER_MS);
	wait->config.on_trace(wait->config.ctx, line.text);
}

/* The question */

static void ask_now(struct replica_wait *wait);

static void on_timer(uv_timer_t *timer)
{
	struct replica_wait *wait = timer->data;

	if (!wait->is_under_way) {
		ask_now(wait);
		return;
	}
	snprintf(wait->problem, sizeof(wait->problem), "%.150s does not answer", wait->url->name);
	connection_drop(wait->connection, -ETIMEDOUT, wait->problem);
}

static void pause_asking(struct replica_wait *wait)
{
	uv_timer_start(&wait->timer, on_timer, RETRY_MS, 0);
}

static void on_written(redisAsyncContext *context, void *data, void *ctx)
{
	struct replica_wait *wait = ctx;
	const redisReply *reply = data;

	(void)context;
	wait->is_written = reply && reply->type != REDIS_REPLY_ERROR;
	if (reply && !wait->is_written)
		snprintf(wait->problem, sizeof(wait->problem), "%.150s", reply->str);
}

static void on_counted(struct replica_wait *wait, int64_t count)
{
	char answer[NUMBER_SIZE];
	bool are_enough = wait->is_written && count >= (int64_t)wait->config.replicas;

	snprintf(answer, sizeof(answer), "%" PRId64, count);
	trace(wait, answer);
	if (are_enough) {
		*wait->problem = '\0';
		wait->handlers.on_confirmed(wait->handlers.ctx, wait->asked);
	} else if (wait->is_written) {
		snprintf(wait->problem, sizeof(wait->problem), "%" PRId64 " of %zu have it", count, wait->config.replicas);
	}
	if (!wait->is_written)
		pause_asking(wait);
	else if (!are_enough || wait->wanted > wait->asked)
		ask_now(wait);
}

static void on_waited(redisAsyncContext *context, void *data, void *ctx)
{
	struct replica_wait *wait = ctx;
	const redisReply *reply = data;

	(void)context;
	wait->is_under_way = false;
	uv_timer_stop(&wait->timer);
	if (!reply || wait->closing)
		return;
	if (reply->type == REDIS_REPLY_INTEGER) {
		on_counted(wait, reply->integer);
		return;
	}
	/* A server that has become a replica ends WAIT by an error, and knows nothing of this connection's writes any more. */
	snprintf(wait->problem, sizeof(wait->problem), "%.150s", reply->str ? reply->str : "a reply to WAIT that is no number");
	trace(wait, "error");
	connection_refuse(wait->connection, wait->problem);
}

/* Is this connection to the server whose answers are asked about? Else its replicas say nothing. */
static bool is_same_server(const struct replica_wait *wait)
{
	return strcmp(wait->run_id, wait->handlers.run_id(wait->handlers.ctx)) == 0;
}

static void ask_now(struct replica_wait *wait)
{
	int64_t first_ns = wait->handlers.first_deadline_ns(wait->handlers.ctx);
	char replicas[NUMBER_SIZE], limit[NUMBER_SIZE];
	const char *set[] = { "SET", wait->key, "1", "PX", KEY_LASTS_MS };
	const char *waits[] = { "WAIT", replicas, limit };
	int64_t limit_ms;

	if (first_ns == 0 || wait->is_under_way || wait->closing || !connection_is_up(wait->connection))
		return;
	if (!is_same_server(wait)) {
		connection_drop(wait->connection, -EHOSTDOWN, "");
		return;
	}
	wait->sent_ns = boot_ns();
	limit_ms = (first_ns - wait->sent_ns) / NS_PER_MS - EARLIER_MS;
	if (limit_ms < 1)
		limit_ms = 1; /* 0 means for ever */
	snprintf(replicas, sizeof(replicas), "%zu", wait->config.replicas);
	snprintf(limit, sizeof(limit), "%" PRId64, limit_ms);
	wait->asked = wait->wanted;
	if (send_words(wait, on_written, 5, set) < 0 || send_words(wait, on_waited, 3, waits) < 0) {
		pause_asking(wait);
		return;
	}
	wait->is_under_way = true;
	uv_update_time(wait->config.loop);
	uv_timer_start(&wait->timer, on_timer, (uint64_t)(limit_ms + wait->config.timeout_ms), 0);
}

uint64_t replica_wait_ask(struct replica_wait *wait)
{
	if (wait->wanted == wait->asked)
		wait->wanted++;
	if (!uv_is_active((uv_handle_t *)&wait->timer))
		ask_now(wait);
	return wait->wanted;
}

void replica_wait_print_problem(const struct replica_wait *wait, char line[BACKEND_PROBLEM_MAX])
{
	snprintf(line, BACKEND_PROBLEM_MAX, "%.200s", *wait->problem ? wait->problem :
		connection_is_up(wait->connection) ? "no answer yet" : "the connection that asks is being made");
}

/* The connection */

static void on_tried(redisAsyncContext *context, void *data, void *ctx)
{
	struct replica_wait *wait = ctx;
	const redisReply *reply = data;

	(void)context;
	if (!reply || wait->closing || connection_is_up(wait->connection))
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		connection_refuse(wait->connection, reply->str);
		return;
	}
	if (outage_end(&wait->outage))
		notice(wait, "replicas are waited for again");
	wait->was_ready = true;
	connection_ready(wait->connection);
	ask_now(wait);
}

static void on_info(redisAsyncContext *context, void *data, void *ctx)
{
	struct replica_wait *wait = ctx;
	const redisReply *reply = data;
	struct server_info info;

	(void)context;
	if (!reply || wait->closing)
		return;
	if (reply->type != REDIS_REPLY_STRING) {
		connection_refuse(wait->connection, reply->str ? reply->str : "a reply to INFO that is no text");
		return;
	}
	server_info_parse(reply->str, reply->len, &info);
	stpcpy(wait->run_id, info.run_id);
}

/* WAIT for no replica, which is answered at once, shows whether it is allowed. */
static void on_connected(void *ctx)
{
	static const char *info[] = { "INFO", "server" };
	static const char *waits[] = { "WAIT", "0", "1" };
	struct replica_wait *wait = ctx;

	if (send_words(wait, on_info, 2, info) < 0 || send_words(wait, on_tried, 3, waits) < 0)
		connection_drop(wait->connection, -ENOMEM, strerror(ENOMEM));
}

/* What was asked is asked again on the next connection. */
static void on_lost(void *ctx, int status, const char *problem)
{
	struct replica_wait *wait = ctx;
	char line[BACKEND_PROBLEM_MAX];
	bool was_ready;

	(void)status;
	*wait->run_id = '\0';
	wait->is_under_way = false;
	uv_timer_stop(&wait->timer);
	was_ready = wait->was_ready;
	wait->was_ready = false;
	if (!*problem || wait->closing)
		return;
	snprintf(wait->problem, sizeof(wait->problem), "%s", problem);
	snprintf(line, sizeof(line), "cannot wait for replicas: %.200s", problem);
	/* A loss is told if it lasts. Without the connection of the calls nothing waits, and that loss is reported already. */
	if (!was_ready && *wait->handlers.run_id(wait->handlers.ctx) && outage_add(&wait->outage, line))
		notice(wait, line);
}

static void on_connection_freed(void *ctx)
{
	drop_reference(ctx);
}

static void on_timer_closed(uv_handle_t *timer)
{
	drop_reference(timer->data);
}

/* The beginning and the end */

struct replica_wait *replica_wait_new(const struct backend_config *config, const struct redis_url *url, struct tls_context *tls,
                                      const char *instance, const struct replica_wait_handlers *handlers)
{
	static const char kind[] = "#r:";
	struct replica_wait *wait = calloc(1, sizeof(*wait) + strlen(config->namespace_) + strlen(kind) + strlen(instance) + 1);
	const struct connection_handlers own = {
		.on_connected = on_connected,
		.on_lost = on_lost,
		.on_freed = on_connection_freed,
		.ctx = wait,
	};

	if (!wait)
		return NULL;
	wait->config = *config;
	wait->url = url;
	wait->handlers = *handlers;
	stpcpy(stpcpy(stpcpy(wait->key, config->namespace_), kind), instance);
	wait->connection = connection_new(config, url, tls, &own);
	if (!wait->connection) {
		free(wait);
		return NULL;
	}
	wait->references = 2;
	uv_timer_init(config->loop, &wait->timer);
	wait->timer.data = wait;
	return wait;
}

void replica_wait_start(struct replica_wait *wait)
{
	if (!wait->started && !wait->closing)
		connection_hurry(wait->connection);
	wait->started = true;
}

void replica_wait_close(struct replica_wait *wait)
{
	wait->closing = true;
	connection_close(wait->connection);
	uv_close((uv_handle_t *)&wait->timer, on_timer_closed);
}

struct connection *replica_wait_connection(const struct replica_wait *wait)
{
	return wait->connection;
}
