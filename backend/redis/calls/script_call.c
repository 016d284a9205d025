#include "backend/redis/calls/script_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/redis/net/handshake.h"
#include "backend/redis/net/server_error.h"
#include "backend/redis/reply/reply.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/util/clock.h"

#define KEEPALIVE_MS 30000

/* For each whole millisecond of the shortest round trip, one user may have so many more calls under way. */
#define CALLS_A_MS 16

/* A server that refuses to undo something, as it takes no writes now, is asked again after this. */
#define UNDO_PAUSE_MS 200

/* A refusal of the same kind is told once in this time. */
#define NOTICE_PAUSE_NS (10 * NS_PER_S)

/* What is to be answered by this mount waits for so long, and for so many round trips; GRACE_MAX_MS at most. */
#define GRACE_MIN_MS 500
#define GRACE_ROUND_TRIPS 3

/* An acquisition whose answer was lost: the server is asked to take it back. */
struct undo {
	struct script_calls *calls;
	struct undo *prev, *next;
	bool under_way;
	bool refused; /* the acquisition was not lost but refused, maybe in the middle */
	char about[NONCE_SIZE]; /* its nonce, or the token of the lock */
	char key[];
};

struct script_calls {
	struct backend_config config; /* its texts are the backend's */
	const struct redis_url *source;
	const char *mount;
	struct connection *connection;
	struct handshake *handshake;
	struct script_call *under_way; /* in the order of their deadlines */
	struct user_turns turns;   /* those among them that are sent, or wait for those of the same user */
	bool taking_turns;
	uid_t answered;       /* for whom the call was made that is just answered; else BACKEND_NOBODY */
	bool hearing;         /* what is asked for follows from a message of the server */
	struct undo *undos;
	uv_timer_t deadline;  /* of the first call */
	uv_timer_t keepalive;
	uv_timer_t undo_again;
	bool ping_unanswered;
	int64_t last_sent_ns;
	int64_t round_trip_ms; /* the longest of late */
	int64_t shortest_ns;   /* of the round trips over this connection */
	bool closing; /* what is lost is still undone, until */
	bool closed;
	uint64_t connections; /* made so far, */
	uint64_t answers;     /* that came over them, */
	int64_t answers_ns;   /* and how long all of them took */
	unsigned int users; /* of this memory: three timers and the connection */
	struct script_calls_handlers owner;

	backend_started *started; /* NULL once it was told */
	void *started_ctx;

	const struct server_error *last_refusal;
	int64_t last_refusal_ns;
};

/* The server counts leases in whole milliseconds, and so do we. */
static int64_t age_in_ms(int64_t since_ns)
{
	return (boot_ns() - since_ns) / NS_PER_MS;
}

static void notice(const struct script_calls *calls, const char *line)
{
	if (calls->config.on_notice)
		calls->config.on_notice(calls->config.ctx, line);
}

/* The end of a call */

static void arm_deadline(struct script_calls *calls);
static void take_turns(struct script_calls *calls);
static void close_all(struct script_calls *calls);

static void send_undo(struct undo *undo);

/* NULL where there is no memory. */
static struct undo *undo_later(struct script_calls *calls, const char *key, const char *about)
{
	struct undo *undo = calloc(1, sizeof(*undo) + strlen(key) + 1);

	if (!undo) {
		notice(calls, "no memory to undo a lock whose answer was lost: it stays until its lease ends");
		return NULL;
	}
	undo->calls = calls;
	stpcpy(undo->about, about);
	stpcpy(undo->key, key);
	DL_APPEND(calls->undos, undo);
	return undo;
}

/* The server may have done what was asked, or half of it, though nobody was told so. */
static void undo_call(const struct script_call *call)
{
	if (call->refused)
		script_calls_undo_refused(call->calls, call->key, call->nonce);
	else
		undo_later(call->calls, call->key, call->nonce);
}

/* The caller's own text may have gone by the time that the call is done. */
static const char *key_of(const struct script_call *call)
{
	return call->lock_key + strlen(call->calls->config.namespace_) + 1;
}

bool script_calls_acquiring(const struct script_calls *calls, const char *key)
{
	const struct script_call *call;

	DL_FOREACH(calls->under_way, call)
		if (call->script == SCRIPT_ACQUIRE && strcmp(key_of(call), key) == 0)
			return true;
	return false;
}

/* What is asked for because of an answer is asked for the same user. */
static void answer(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct script_calls *calls = call->calls;
	uid_t before = calls->answered;

	calls->answered = call->uid;
	call->done(call, status, reply, age_ms);
	calls->answered = before;
}

static void finish(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct script_calls *calls = call->calls;

	DL_DELETE(calls->under_way, call);
	user_turns_end(&calls->turns, &call->turn);
	if (!reply && call->sent && call->undone_if_lost)
		undo_call(call);
	answer(call, status, reply, age_ms);
	if (call->script == SCRIPT_ACQUIRE)
		calls->owner.acquired(calls->owner.ctx, key_of(call));
	packed_table_free(&call->table);
	free(call);
	arm_deadline(calls);
	take_turns(calls);
}

static void finish_waiting(struct script_calls *calls, int status)
{
	struct script_call *call, *next;

	DL_FOREACH_SAFE(calls->under_way, call, next)
		if (!call->sent)
			finish(call, status, NULL, 0);
}

static void drop_silent(struct script_calls *calls)
{
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), "%s does not answer", calls->source->name);
	connection_drop(calls->connection, -ETIMEDOUT, problem);
}

static void on_deadline(uv_timer_t *timer)
{
	struct script_calls *calls = timer->data;
	int64_t now_ns = boot_ns();
	struct script_call *first;

	while ((first = calls->under_way) && first->deadline_ns <= now_ns) {
		if (!first->sent) {
			finish(first, -EHOSTDOWN, NULL, 0);
			continue;
		}
		/* Answers come in order: with this one, all behind it are late. */
		drop_silent(calls);
	}
	arm_deadline(calls);
}

static void arm_deadline(struct script_calls *calls)
{
	int64_t left_ms;

	if (calls->closing)
		return;
	if (!calls->under_way) {
		uv_timer_stop(&calls->deadline);
		return;
	}
	if (uv_is_active((uv_handle_t *)&calls->deadline))
		return; /* for an earlier call; it will be looked at again then */
	left_ms = (calls->under_way->deadline_ns - boot_ns()) / NS_PER_MS + 1;
	uv_update_time(calls->config.loop);
	uv_timer_start(&calls->deadline, on_deadline, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

/* Sending */

static void on_reply(redisAsyncContext *context, void *data, void *ctx);

/* Words of EVALSHA in front of the arguments: the verb, the script, the number of keys, the key. */
#define COMMAND_WORDS 4

/* By name, or with `with_text` by text, which the server then keeps. */
static int send_script(struct script_call *call, bool with_text)
{
	struct script_calls *calls = call->calls;
	const char *argv[COMMAND_WORDS + CALL_ARGUMENTS_MAX];
	size_t lengths[COMMAND_WORDS + CALL_ARGUMENTS_MAX];
	int argc = 0;
	int err;

	argv[argc++] = with_text ? "EVAL" : "EVALSHA";
	argv[argc++] = with_text ? script_text(call->script) : handshake_sha(calls->handshake, call->script);
	argv[argc++] = "1";
	argv[argc++] = call->lock_key;
	for (int i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	for (int i = 0; i < call->argument_count; i++, argc++) {
		argv[argc] = call->arguments[i];
		lengths[argc] = call->lengths[i];
	}
	call->sent_ns = boot_ns();
	calls->last_sent_ns = call->sent_ns;
	err = connection_send(calls->connection, on_reply, call, argc, argv, lengths);
	call->sent = err == 0;
	return err;
}

static void send_or_finish(struct script_call *call, bool with_text)
{
	int err = send_script(call, with_text);

	if (err < 0)
		finish(call, err, NULL, 0);
}

static void send_in_turn(struct script_call *call)
{
	if (call->uid == BACKEND_NOBODY || user_turns_begin(&call->calls->turns, &call->turn, call->uid))
		send_or_finish(call, false);
}

static struct script_call *call_of_turn(struct turn *turn)
{
	return (struct script_call *)((char *)turn - offsetof(struct script_call, turn));
}

/* Sends those that waited for others of the same user. */
static void take_turns(struct script_calls *calls)
{
	struct turn *turn;

	/* One that cannot be sent is over, and comes here again. */
	if (calls->taking_turns || !connection_is_up(calls->connection))
		return;
	calls->taking_turns = true;
	while ((turn = user_turns_next(&calls->turns))) {
		struct script_call *call = call_of_turn(turn);

		/* The server has all of its time from now on: it is not what was slow. */
		DL_DELETE(calls->under_way, call);
		DL_APPEND(calls->under_way, call);
		call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
		send_or_finish(call, false);
	}
	calls->taking_turns = false;
}

/* Where something is wrong with a key, people want to know which lock or directory it belongs to. */
static void add_place(const struct script_call *call, const struct server_error *error, char *line, size_t size)
{
	size_t length = strlen(line);

	if (error->status == -EIO && !error->unbegun && *key_of(call))
		snprintf(line + length, size - length, " (asked about %s)", call->lock_key);
}

/* A refusal by the server: told to people, but not again and again. */
static void tell_refusal(const struct script_call *call, const char *text)
{
	const struct server_error *error = server_error_find(text);
	struct script_calls *calls = call->calls;
	int64_t now_ns = boot_ns();
	char line[BACKEND_PROBLEM_MAX];

	if (error == calls->last_refusal && now_ns - calls->last_refusal_ns < NOTICE_PAUSE_NS)
		return;
	calls->last_refusal = error;
	calls->last_refusal_ns = now_ns;
	server_error_print(calls->source->name, text, line, sizeof(line));
	add_place(call, error, line, sizeof(line));
	notice(calls, line);
}

static void on_refusal(struct script_call *call, const char *text)
{
	struct script_calls *calls = call->calls;
	const struct server_error *error = server_error_find(text);
	char line[BACKEND_PROBLEM_MAX];

	/* A server that forgot its scripts did nothing yet. */
	if (strncmp(text, "NOSCRIPT", strlen("NOSCRIPT")) == 0) {
		send_or_finish(call, true);
		return;
	}
	tell_refusal(call, text);
	if (error->unbegun)
		call->sent = false; /* nothing was done, and nothing is to be undone */
	call->refused = true;
	finish(call, error->status, NULL, 0);
	if (error->passing) {
		server_error_print(calls->source->name, text, line, sizeof(line));
		connection_drop(calls->connection, error->status, line);
	}
}

/* What was asked was done, but something that follows from it was not: the last element says why (include/failure.lua). */
static void tell_trouble(const struct script_call *call, const redisReply *reply)
{
	const redisReply *last = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ?
		reply->element[reply->elements - 1] : NULL;

	if (last && last->type == REDIS_REPLY_ERROR)
		tell_refusal(call, last->str);
}

int64_t script_calls_grace_ms(const struct script_calls *calls)
{
	int64_t ms = GRACE_MIN_MS + GRACE_ROUND_TRIPS * calls->round_trip_ms;

	return ms < GRACE_MAX_MS ? ms : GRACE_MAX_MS;
}

/* What a far server is to be kept busy with takes more calls at a time, without anybody waiting for longer. */
static void learn_distance(struct script_calls *calls, int64_t took_ns)
{
	if (calls->config.user_calls == 0 || took_ns >= calls->shortest_ns)
		return;
	calls->shortest_ns = took_ns;
	calls->turns.most = calls->config.user_calls + (size_t)(took_ns / NS_PER_MS) * CALLS_A_MS;
}

/* What was long is forgotten by an eighth with each answer. */
static void learn_round_trip(struct script_calls *calls, int64_t age_ms)
{
	calls->round_trip_ms -= (calls->round_trip_ms + 7) / 8;
	if (calls->round_trip_ms < age_ms)
		calls->round_trip_ms = age_ms;
}

static void on_answer(struct script_call *call, const redisReply *reply)
{
	tell_trouble(call, reply);
	finish(call, reply_status(reply), reply, age_in_ms(call->sent_ns));
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	struct script_call *call = ctx;
	const redisReply *reply = data;

	(void)context;
	if (reply) {
		int64_t took_ns = boot_ns() - call->sent_ns;

		learn_round_trip(call->calls, took_ns / NS_PER_MS);
		learn_distance(call->calls, took_ns);
		call->calls->answers++;
		call->calls->answers_ns += took_ns;
	}
	if (!reply)
		finish(call, call->calls->closing ? -ESHUTDOWN : -ETIMEDOUT, NULL, 0);
	else if (reply->type == REDIS_REPLY_ERROR)
		on_refusal(call, reply->str);
	else
		on_answer(call, reply);
}

struct script_call *script_call_new(struct script_calls *calls, enum script script, const char *key)
{
	const char *namespace_ = calls->config.namespace_;
	struct script_call *call = calloc(1, sizeof(*call) + strlen(namespace_) + 1 + strlen(key) + 1);

	if (!call)
		return NULL;
	call->calls = calls;
	call->script = script;
	call->key = key;
	stpcpy(stpcpy(stpcpy(call->lock_key, namespace_), ":"), key);
	script_call_add_text(call, namespace_);
	script_call_add_text(call, key);
	script_call_add_text(call, calls->mount);
	_Static_assert(CALL_COMMON_ARGUMENTS == 3 && CALL_COMMON_ARGUMENTS < CALL_ARGUMENTS_MAX,
		"there is room for what every script is given");
	return call;
}

/* Is there room for one more argument? Without it, the call fails when it is started. */
static bool has_room(struct script_call *call)
{
	if (call->argument_count < CALL_ARGUMENTS_MAX)
		return true;
	call->unsendable = -E2BIG;
	return false;
}

void script_call_add_bytes(struct script_call *call, const void *data, size_t size)
{
	if (!has_room(call))
		return;
	call->arguments[call->argument_count] = data;
	call->lengths[call->argument_count++] = size;
}

void script_call_add_text(struct script_call *call, const char *text)
{
	script_call_add_bytes(call, text ? text : "", text ? strlen(text) : 0);
}

void script_call_add_number(struct script_call *call, int64_t number)
{
	char *text;

	if (!has_room(call))
		return;
	text = call->numbers[call->argument_count];
	snprintf(text, CALL_NUMBER_MAX, "%" PRId64, number);
	script_call_add_text(call, text);
}

void script_call_add_token(struct script_call *call, uint64_t token)
{
	char *text;

	if (!has_room(call))
		return;
	text = call->numbers[call->argument_count];
	snprintf(text, CALL_NUMBER_MAX, "%" PRIu64, token);
	script_call_add_text(call, text);
}

void script_call_add_match(struct script_call *call, struct holding_match match)
{
	if (match.any)
		script_call_add_text(call, NULL);
	else
		script_call_add_token(call, match.token);
}

void script_call_add_table(struct script_call *call, struct packed_table *table)
{
	if (call->table.bytes || !has_room(call)) {
		call->unsendable = -E2BIG;
		packed_table_free(table);
		return;
	}
	call->table = *table;
	*table = (struct packed_table){ 0 };
	script_call_add_bytes(call, call->table.bytes, call->table.size);
}

/* An acquisition says so; what the mount has to do is nobody's; else it is the user whose request is served or answered. */
static uid_t user_of(const struct script_call *call)
{
	const struct script_calls *calls = call->calls;
	uid_t uid;

	if (call->of_mount || calls->hearing)
		return BACKEND_NOBODY;
	if (call->holder)
		return call->holder->uid == 0 || call->holder->uid == geteuid() ? BACKEND_NOBODY : call->holder->uid;
	uid = calls->config.asks ? calls->config.asks(calls->config.ctx) : BACKEND_NOBODY;
	return uid == BACKEND_NOBODY ? calls->answered : uid;
}

void script_calls_hear(struct script_calls *calls, bool hearing)
{
	calls->hearing = hearing;
}

void script_call_start(struct script_call *call)
{
	struct script_calls *calls = call->calls;

	call->uid = user_of(call);
	call->deadline_ns = boot_ns() + calls->config.timeout_ms * NS_PER_MS;
	DL_APPEND(calls->under_way, call);
	arm_deadline(calls);
	if (call->unsendable)
		finish(call, call->unsendable, NULL, 0);
	else if (connection_is_up(calls->connection))
		send_in_turn(call);
	else if (calls->closing)
		finish(call, -ESHUTDOWN, NULL, 0);
	else if (!connection_may_reconnect(calls->connection))
		finish(call, -EHOSTDOWN, NULL, 0);
}

/* Undoing */

static void on_undo_again(uv_timer_t *timer)
{
	script_calls_undo_again(timer->data);
}

static void on_undone(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct undo *undo = call->ctx;
	struct script_calls *calls = undo->calls;

	(void)status;
	(void)age_ms;
	undo->under_way = false;
	/* It is tried again, if not on the next connection. */
	if (!reply && !(undo->refused && call->refused)) {
		if (!calls->closed)
			uv_timer_start(&calls->undo_again, on_undo_again, UNDO_PAUSE_MS, 0);
		return;
	}
	DL_DELETE(calls->undos, undo);
	free(undo);
	if (calls->closing && !calls->undos)
		close_all(calls);
}

static void send_undo(struct undo *undo)
{
	struct script_call *call = undo->under_way ? NULL : script_call_new(undo->calls, SCRIPT_UNDO, undo->key);

	if (!call)
		return;
	undo->under_way = true;
	call->done = on_undone;
	call->ctx = undo;
	call->of_mount = true;
	script_call_add_text(call, undo->about);
	script_call_start(call);
}

static void send_undos(struct script_calls *calls)
{
	struct undo *undo, *next;

	DL_FOREACH_SAFE(calls->undos, undo, next)
		send_undo(undo);
}

void script_calls_undo_again(struct script_calls *calls)
{
	if (connection_is_up(calls->connection))
		send_undos(calls);
}

void script_calls_undo(struct script_calls *calls, const char *key, const char *about)
{
	undo_later(calls, key, about);
	script_calls_undo_again(calls);
}

void script_calls_undo_refused(struct script_calls *calls, const char *key, const char *nonce)
{
	struct undo *undo = undo_later(calls, key, nonce);

	if (!undo)
		return;
	undo->refused = true;
	if (connection_is_up(calls->connection))
		send_undo(undo);
}

bool script_calls_undoing(const struct script_calls *calls, const char *about)
{
	const struct undo *undo;

	DL_FOREACH(calls->undos, undo)
		if (strcmp(undo->about, about) == 0)
			return true;
	return false;
}

/* The connection comes and goes */

/* Tells how the first attempt at connecting went, once. */
static void tell_started(struct script_calls *calls, int status, const char *problem)
{
	backend_started *started = calls->started;

	calls->started = NULL;
	if (started)
		started(calls->started_ctx, status, problem);
}

static void on_connected(void *ctx)
{
	struct script_calls *calls = ctx;

	calls->ping_unanswered = false;
	handshake_begin(calls->handshake, calls->connection);
}

static void on_set_up(void *ctx)
{
	struct script_calls *calls = ctx;
	struct script_call *call, *next;

	connection_ready(calls->connection);
	calls->connections++;
	calls->shortest_ns = INT64_MAX;
	send_undos(calls);
	/* Only afterwards, as one that cannot be sent is over. */
	calls->taking_turns = true;
	DL_FOREACH_SAFE(calls->under_way, call, next)
		if (!call->sent && !call->turn.user)
			send_in_turn(call);
	calls->taking_turns = false;
	take_turns(calls);
	if (!calls->closing)
		calls->owner.reached(calls->owner.ctx);
	tell_started(calls, 0, NULL);
}

static void on_lost(void *ctx, int status, const char *problem)
{
	struct script_calls *calls = ctx;

	if (!calls->closing)
		calls->owner.lost(calls->owner.ctx, problem);
	if (!connection_may_reconnect(calls->connection))
		finish_waiting(calls, -EHOSTDOWN);
	tell_started(calls, status, problem);
}

/* Keepalive: an idle connection is looked after, so that the next call finds it alive */

static void on_keepalive(uv_timer_t *timer);

static void arm_keepalive(struct script_calls *calls, int64_t ms)
{
	if (!calls->closing)
		uv_timer_start(&calls->keepalive, on_keepalive, ms > 0 ? (uint64_t)ms : 1, 0);
}

static void on_pong(redisAsyncContext *context, void *reply, void *ctx)
{
	struct script_calls *calls = ctx;

	(void)context;
	calls->ping_unanswered = false;
	if (reply)
		arm_keepalive(calls, KEEPALIVE_MS);
}

static void on_keepalive(uv_timer_t *timer)
{
	static const char *ping[] = { "PING" };
	static const size_t ping_length[] = { 4 };
	struct script_calls *calls = timer->data;
	int64_t idle_ms = (boot_ns() - calls->last_sent_ns) / NS_PER_MS;

	if (calls->ping_unanswered) {
		calls->ping_unanswered = false;
		drop_silent(calls);
	} else if (idle_ms < KEEPALIVE_MS) {
		arm_keepalive(calls, KEEPALIVE_MS - idle_ms);
		return;
	} else if (connection_is_up(calls->connection) &&
		connection_send(calls->connection, on_pong, calls, 1, ping, ping_length) == 0) {
		calls->ping_unanswered = true;
		arm_keepalive(calls, calls->config.timeout_ms);
		return;
	}
	arm_keepalive(calls, KEEPALIVE_MS);
}

/* Opening and closing */

static void drop_user(struct script_calls *calls)
{
	struct undo *undo, *next;

	if (--calls->users > 0)
		return;
	DL_FOREACH_SAFE(calls->undos, undo, next)
		free(undo);
	calls->owner.freed(calls->owner.ctx);
	handshake_free(calls->handshake);
	free(calls);
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

static void on_connection_freed(void *ctx)
{
	drop_user(ctx);
}

struct script_calls *script_calls_new(const struct backend_config *config, const struct redis_url *source,
                        struct tls_context *tls, const char *mount, const struct script_calls_handlers *owner)
{
	struct script_calls *calls = calloc(1, sizeof(*calls));
	struct connection_handlers connection_owner = {
		.connected = on_connected,
		.lost = on_lost,
		.freed = on_connection_freed,
		.ctx = calls,
	};

	if (!calls)
		return NULL;
	calls->config = *config;
	calls->source = source;
	calls->mount = mount;
	calls->owner = *owner;
	calls->turns.most = config->user_calls;
	calls->answered = BACKEND_NOBODY;
	calls->shortest_ns = INT64_MAX;
	calls->handshake = handshake_new(&calls->config, source, mount, on_set_up, calls);
	if (calls->handshake)
		calls->connection = connection_new(config, source, tls, &connection_owner);
	if (!calls->connection) {
		handshake_free(calls->handshake);
		free(calls);
		return NULL;
	}
	calls->users = 4;
	uv_timer_init(config->loop, &calls->deadline);
	uv_timer_init(config->loop, &calls->keepalive);
	uv_timer_init(config->loop, &calls->undo_again);
	calls->deadline.data = calls;
	calls->keepalive.data = calls;
	calls->undo_again.data = calls;
	return calls;
}

void script_calls_start(struct script_calls *calls, backend_started *started, void *ctx)
{
	calls->started = started;
	calls->started_ctx = ctx;
	arm_keepalive(calls, KEEPALIVE_MS);
	connection_start(calls->connection);
}

bool script_calls_are_up(const struct script_calls *calls)
{
	return connection_is_up(calls->connection);
}

void script_calls_stats(const struct script_calls *calls, struct backend_stats *ret)
{
	const struct script_call *call;

	ret->up = script_calls_are_up(calls);
	ret->reconnects = calls->connections > 0 ? calls->connections - 1 : 0;
	ret->round_trips = calls->answers;
	ret->round_trip_ns = calls->answers_ns;
	DL_FOREACH(calls->under_way, call)
		ret->under_way++;
}

static void close_all(struct script_calls *calls)
{
	if (calls->closed)
		return;
	calls->closed = true;
	connection_close(calls->connection);
	uv_close((uv_handle_t *)&calls->deadline, on_handle_closed);
	uv_close((uv_handle_t *)&calls->keepalive, on_handle_closed);
	uv_close((uv_handle_t *)&calls->undo_again, on_handle_closed);
}

static void on_last_chance(uv_timer_t *timer)
{
	close_all(timer->data);
}

void script_calls_close(struct script_calls *calls)
{
	calls->closing = true;
	/* A release that was asked for shall reach the server, though nobody waits for the answer. */
	connection_write(calls->connection);
	/* Answers what is under way, and so tells which acquisitions are to be undone. */
	connection_drop(calls->connection, -ESHUTDOWN, "closing");
	finish_waiting(calls, -ESHUTDOWN);
	tell_started(calls, -ESHUTDOWN, "it was ended before the server was reached");
	if (calls->undos)
		uv_timer_start(&calls->deadline, on_last_chance, (uint64_t)calls->config.timeout_ms, 0);
	else
		close_all(calls);
}
