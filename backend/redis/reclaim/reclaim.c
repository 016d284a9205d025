/* Hello and the batch: each reply brings the next step, and a refusal ends the connection, so that the next one begins anew. */
#include "backend/redis/reclaim/reclaim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/calls/packed_table.h"
#include "backend/redis/reclaim/recent_ends.h"
#include "backend/redis/reply/reply.h"
#include "backend/redis/reply/reply_hello.h"
#include "backend/util/clock.h"
#include "backend/util/random_id.h"

/* 100 ms: how much longer a lease that nobody renews lasts at the server than its holder relies on it. */
#define LEASE_MARGIN_MS 100

#define ENDS_TIMER_MS 5000 /* 5 s between looks for ends that can be forgotten */
#define UNDER_WAY_MAX 1000 /* holdings that are sent and not answered, which bounds the memory of the batch */
#define NUMBER_SIZE 24     /* bytes of a number in digits, its sign and NUL included */
#define WORDS_MAX 18       /* of a command */
#define COMMON_WORDS (7 + SLOT_GUARD_KEYS) /* EVALSHA, the script, the number of keys, the keys, namespace, path, instance */

struct reclaim {
	const struct backend_config *config;
	const struct redis_url *url;
	const char *instance;
	reclaim_done *done;
	void *done_ctx;
	reclaim_lost *tell_lost;
	void *lost_ctx;
	struct own_holdings *holdings;
	struct recent_ends ends;
	uv_timer_t ends_timer;     /* runs while there are recent ends: else the last ones would keep their memory */
	struct known_dirs dirs;
	uint64_t largest_token;    /* of all that were seen */
	char epoch[REPLY_EPOCH_SIZE];
	int64_t grace_ends_ns;     /* CLOCK_BOOTTIME */
	int64_t graces_ns;         /* length of all graces together */
	uint64_t all_restored, all_lost; /* holdings in all epochs */

	/* While it goes on: */
	struct connection *connection; /* NULL: it does not */
	const struct handshake *handshake;
	int64_t holder_grace_ms;   /* that holders of this mount have to stop */
	bool is_new;               /* the epoch is another one than that of the last batch that was finished */
	bool is_outdated;          /* yet another epoch began meanwhile */
	size_t under_way;          /* commands that are sent and not answered */
	uint64_t *tokens;          /* of the holdings to be written anew */
	size_t token_count;
	size_t next_token;         /* index of the first that is not sent */
	size_t restored, lost;
};

/* Sending */

/* Returns the key of a path in the server, or NULL if there is no memory. */
static char *lock_key(const struct reclaim *reclaim, const char *path)
{
	char *key;

	return asprintf(&key, "%s:%s", reclaim->config->namespace_, path) < 0 ? NULL : key;
}

struct argument {
	const char *bytes;
	size_t size;
};

static struct argument text_argument(const char *text)
{
	return (struct argument){ text, strlen(text) };
}

/* Sends a script about a path with these arguments, the epoch the last one. Returns 0 or a negative errno; then `callback` is not called. */
static int send_script(struct reclaim *reclaim, enum script script, const char *path, redisCallbackFn *callback, void *ctx,
                       const struct argument *arguments, size_t count)
{
	char *key = lock_key(reclaim, path);
	char *const *guard = reclaim->url->guard.keys;
	const char *argv[WORDS_MAX] = { "EVALSHA", handshake_sha(reclaim->handshake, script), guard[0] ? "3" : "1", key };
	size_t lengths[WORDS_MAX];
	size_t argc = 4;
	int err;

	if (!key)
		return -ENOMEM;
	for (size_t i = 0; guard[0] && i < SLOT_GUARD_KEYS; i++)
		argv[argc++] = guard[i];
	argv[argc++] = reclaim->config->namespace_;
	argv[argc++] = path;
	argv[argc++] = reclaim->instance;
	for (size_t i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	for (size_t i = 0; i < count; i++, argc++) {
		argv[argc] = arguments[i].bytes;
		lengths[argc] = arguments[i].size;
	}
	err = connection_send(reclaim->connection, callback, ctx, (int)argc, argv, lengths);
	free(key);
	reclaim->under_way += err == 0;
	return err;
}

static void give_up(struct reclaim *reclaim, int err)
{
	if (reclaim->connection)
		connection_drop(reclaim->connection, err, strerror(-err));
}

/* Takes in a reply to one command. Returns false if it is none, or an error, which ends the connection. */
static bool is_answered(struct reclaim *reclaim, const redisReply *reply)
{
	reclaim->under_way--;
	/* The connection reports its own loss. */
	if (!reply || !reclaim->connection)
		return false;
	if (reply->type == REDIS_REPLY_ERROR) {
		connection_refuse(reclaim->connection, reply->str);
		return false;
	}
	reclaim->is_outdated |= reply_status(reply) == REPLY_OTHER_EPOCH;
	connection_progressed(reclaim->connection);
	return true;
}

/* The batch */

static void say_hello(struct reclaim *reclaim);
static void go_on(struct reclaim *reclaim);

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	struct reclaim *reclaim = ctx;

	(void)context;
	if (is_answered(reclaim, data))
		go_on(reclaim);
}

/* The lease that a directory sets itself: what is known is that of the nearest one that sets one. */
static int64_t own_ttl_ms(const struct reclaim *reclaim, const char *path, const struct dir_info *info)
{
	const char *slash = strrchr(path, '/');
	char *parent = *path ? strndup(path, slash ? (size_t)(slash - path) : 0) : NULL;
	const struct dir_info *above = parent ? known_dirs_find(&reclaim->dirs, parent) : NULL;

	free(parent);
	return above && above->default_ttl_ms == info->default_ttl_ms ? LEASE_UNSET : info->default_ttl_ms;
}

static int restore_dir(struct reclaim *reclaim, const char *path, const struct dir_info *info)
{
	enum { MODE, UID, GID, TTL, LIMIT, CHANGED, MODIFIED, VALUES, EPOCH = VALUES, COUNT };
	int64_t values[VALUES] = { info->mode, info->uid, info->gid, own_ttl_ms(reclaim, path, info), info->limit, info->changed_ms,
		info->modified_ms };
	char texts[VALUES][NUMBER_SIZE];
	struct argument arguments[COUNT];

	_Static_assert(COMMON_WORDS + COUNT <= WORDS_MAX, "send_script() has room for all words");
	for (size_t i = 0; i < VALUES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%" PRId64, values[i]);
		arguments[i] = text_argument(texts[i]);
	}
	if (info->modified_ms == info->changed_ms)
		arguments[MODIFIED] = text_argument("");
	arguments[EPOCH] = text_argument(reclaim->epoch);
	return send_script(reclaim, SCRIPT_RESTORE_DIR, path, on_reply, reclaim, arguments, COUNT);
}

static int restore_dirs(struct reclaim *reclaim)
{
	char *paths;
	ssize_t count = known_dirs_paths(&reclaim->dirs, &paths);
	const char *path = count < 0 ? NULL : paths;
	int err = 0;

	if (count < 0)
		return (int)count;
	for (; count > 0 && err == 0; count--, path += strlen(path) + 1)
		err = restore_dir(reclaim, path, known_dirs_find(&reclaim->dirs, path));
	free(paths);
	return err;
}

static int end_holdings(struct reclaim *reclaim)
{
	int err = 0;

	recent_ends_forget_old(&reclaim->ends);
	for (const struct recent_end *end = reclaim->ends.first; end && err == 0; end = end->next) {
		char token[NUMBER_SIZE];
		struct argument arguments[4];

		snprintf(token, sizeof(token), "%" PRIu64, end->token);
		arguments[0] = text_argument(token);
		arguments[1] = text_argument(end->shared ? "1" : "");
		arguments[2] = text_argument(end->nonce);
		arguments[3] = text_argument(reclaim->epoch);
		err = send_script(reclaim, SCRIPT_ENDED, end->key, on_reply, reclaim, arguments, 4);
	}
	return err;
}

/* A holding that is being written anew. The holding may end meanwhile. */
struct assertion {
	struct reclaim *reclaim;
	uint64_t token;
};

static void lose(struct reclaim *reclaim, uint64_t token)
{
	const struct own_holding *holding = own_holdings_find(reclaim->holdings, token);
	char *key = holding ? strdup(holding->lock.key) : NULL;

	reclaim->lost++;
	own_holdings_remove(reclaim->holdings, token);
	if (key)
		reclaim->tell_lost(reclaim->lost_ctx, key, token);
	free(key);
}

static void on_reasserted(redisAsyncContext *context, void *data, void *ctx)
{
	const redisReply *reply = data;
	struct assertion assertion = *(struct assertion *)ctx;
	struct reclaim *reclaim = assertion.reclaim;

	(void)context;
	free(ctx);
	if (!is_answered(reclaim, reply))
		return;
	if (reply_status(reply) == 0)
		reclaim->restored++;
	else if (reply_status(reply) == REPLY_LOST)
		lose(reclaim, assertion.token);
	go_on(reclaim);
}

/*
 * What the lease is to be from now on in ms; 0: it is over for its holder. A bound one is renewed, but not if it is being released:
 * whoever gives that up when the lease is over relies on its end.
 */
static int64_t lease_left_ms(const struct own_holding *holding)
{
	int64_t left_ms;

	if (holding->ends_ns == INT64_MAX)
		return LEASE_NEVER;
	left_ms = (holding->ends_ns - boot_ns()) / NS_PER_MS;
	if (left_ms <= 0)
		return 0;
	return holding->bound && !holding->is_released && holding->lock.ttl_ms > left_ms ? holding->lock.ttl_ms : left_ms + LEASE_MARGIN_MS;
}

static void pack(struct packed_table *table, const struct own_holding *holding, int64_t left_ms, int64_t grace_ms)
{
	const struct lock *lock = &holding->lock;

	acquire_call_add_claim(table, &lock->holder.claim);
	acquire_call_add_person(table, &lock->holder);
	packed_table_add_text(table, "nonce", holding->nonce);
	packed_table_add_number(table, "token", (int64_t)lock->token);
	packed_table_add_number(table, "ttl", lock->ttl_ms);
	packed_table_add_number(table, "left", left_ms);
	packed_table_add_text(table, "bound", holding->bound ? "1" : "");
	packed_table_add_number(table, "grace", grace_ms);
	packed_table_add_number(table, "acquired", lock->acquired_ms);
	packed_table_add_number(table, "refreshed", lock->refreshed_ms);
	if (lock->modified_ms != lock->refreshed_ms)
		packed_table_add_number(table, "mtime", lock->modified_ms);
	acquire_call_add_traits(table, lock->mode, lock->form, lock->permissions);
	if (lock->content_size)
		packed_table_add_bytes(table, "content", lock->content, lock->content_size);
}

static int reassert(struct reclaim *reclaim, const struct own_holding *holding)
{
	struct assertion *assertion = malloc(sizeof(*assertion));
	struct packed_table table = { 0 };
	struct argument arguments[2];
	int err = -ENOMEM;

	pack(&table, holding, lease_left_ms(holding), reclaim->holder_grace_ms);
	arguments[0] = (struct argument){ table.bytes, table.size };
	arguments[1] = text_argument(reclaim->epoch);
	if (assertion && !table.failed) {
		*assertion = (struct assertion){ reclaim, holding->lock.token };
		err = send_script(reclaim, SCRIPT_REASSERT, holding->lock.key, on_reasserted, assertion, arguments, 2);
	}
	if (err < 0)
		free(assertion);
	packed_table_free(&table);
	return err;
}

/* Sends holdings up to UNDER_WAY_MAX. */
static int reassert_some(struct reclaim *reclaim)
{
	int err = 0;

	while (err == 0 && reclaim->next_token < reclaim->token_count && reclaim->under_way < UNDER_WAY_MAX) {
		const struct own_holding *holding = own_holdings_find(reclaim->holdings, reclaim->tokens[reclaim->next_token++]);

		if (holding && lease_left_ms(holding) != 0)
			err = reassert(reclaim, holding);
	}
	return err;
}

/* A holding whose release may have been made does not come back. */
static void end_doubtful(struct reclaim *reclaim)
{
	for (size_t i = 0; i < reclaim->token_count; i++) {
		const struct own_holding *holding = own_holdings_find(reclaim->holdings, reclaim->tokens[i]);

		if (holding && holding->may_have_ended)
			reclaim_note_ended(reclaim, holding->lock.key, holding->lock.token);
	}
}

static int begin_batch(struct reclaim *reclaim)
{
	ssize_t count = own_holdings_tokens(reclaim->holdings, &reclaim->tokens);
	int err;

	if (count < 0)
		return (int)count;
	reclaim->token_count = (size_t)count;
	reclaim->next_token = 0;
	end_doubtful(reclaim);
	err = restore_dirs(reclaim);
	if (err == 0)
		err = end_holdings(reclaim);
	return err;
}

static void end_batch(struct reclaim *reclaim)
{
	free(reclaim->tokens);
	reclaim->tokens = NULL;
	reclaim->token_count = 0;
}

static void tell_result(const struct reclaim *reclaim)
{
	char line[BACKEND_PROBLEM_MAX];

	if (reclaim->restored + reclaim->lost == 0 || !reclaim->config->on_notice)
		return;
	snprintf(line, sizeof(line), "%s has other data than before, as after a restart or a failover: %zu locks of this mount are "
		"held again, %zu are lost", reclaim->url->name, reclaim->restored, reclaim->lost);
	reclaim->config->on_notice(reclaim->config->ctx, line);
}

static void finish(struct reclaim *reclaim)
{
	bool is_new = reclaim->is_new;

	end_batch(reclaim);
	reclaim->connection = NULL;
	reclaim->is_new = false;
	reclaim->all_restored += reclaim->restored;
	reclaim->all_lost += reclaim->lost;
	if (is_new)
		tell_result(reclaim);
	reclaim->done(reclaim->done_ctx, is_new);
}

static void go_on(struct reclaim *reclaim)
{
	int err = reclaim->is_outdated ? 0 : reassert_some(reclaim);

	if (err < 0) {
		give_up(reclaim, err);
	} else if (reclaim->under_way == 0) {
		if (reclaim->is_outdated)
			say_hello(reclaim);
		else
			finish(reclaim);
	}
}

/* Hello */

static void note_grace(struct reclaim *reclaim, int64_t left_ns)
{
	int64_t now_ns = boot_ns();
	int64_t counted_ns = reclaim->grace_ends_ns > now_ns ? reclaim->grace_ends_ns : now_ns;

	/* The same grace is told on each new connection. */
	if (now_ns + left_ns > counted_ns)
		reclaim->graces_ns += now_ns + left_ns - counted_ns;
	reclaim->grace_ends_ns = now_ns + left_ns;
}

/* Takes in the answer of hello.lua. Returns 0 or -EPROTO. */
static int learn_epoch(struct reclaim *reclaim, const redisReply *reply)
{
	char epoch[REPLY_EPOCH_SIZE];
	int64_t left_ms;
	int err = reply_hello(reply, epoch, &left_ms);

	if (err < 0)
		return err;
	reclaim->is_new |= *reclaim->epoch && strcmp(reclaim->epoch, epoch) != 0;
	stpcpy(reclaim->epoch, epoch);
	note_grace(reclaim, left_ms * NS_PER_MS);
	return 0;
}

static void on_hello(redisAsyncContext *context, void *data, void *ctx)
{
	struct reclaim *reclaim = ctx;
	int err;

	(void)context;
	if (!is_answered(reclaim, data))
		return;
	err = learn_epoch(reclaim, data);
	if (err == 0 && reclaim->is_new)
		err = begin_batch(reclaim);
	if (err < 0)
		give_up(reclaim, err);
	else
		go_on(reclaim);
}

static void say_hello(struct reclaim *reclaim)
{
	enum { NONCE, GRACE, TOKEN, EPOCH, COUNT };
	char nonce[RANDOM_ID_SIZE], texts[COUNT][NUMBER_SIZE];
	struct argument arguments[COUNT];
	int err = random_id(nonce);

	end_batch(reclaim);
	reclaim->is_outdated = false;
	snprintf(texts[GRACE], NUMBER_SIZE, "%" PRId64, reclaim->config->grace_ms);
	snprintf(texts[TOKEN], NUMBER_SIZE, "%" PRIu64, reclaim->largest_token);
	for (size_t i = GRACE; i <= TOKEN; i++)
		arguments[i] = text_argument(texts[i]);
	arguments[NONCE] = text_argument(nonce);
	arguments[EPOCH] = text_argument(reclaim->epoch);
	if (err == 0)
		err = send_script(reclaim, SCRIPT_HELLO, "", on_hello, reclaim, arguments, COUNT);
	if (err < 0)
		give_up(reclaim, err);
}

void reclaim_begin(struct reclaim *reclaim, struct connection *connection, const struct handshake *handshake,
                   int64_t holder_grace_ms)
{
	reclaim->connection = connection;
	reclaim->handshake = handshake;
	reclaim->holder_grace_ms = holder_grace_ms;
	reclaim->restored = 0;
	reclaim->lost = 0;
	if (reclaim->config->read_only)
		finish(reclaim);
	else
		say_hello(reclaim);
}

void reclaim_on_down(struct reclaim *reclaim)
{
	end_batch(reclaim);
	reclaim->connection = NULL;
}

/* What the mount knows */

const char *reclaim_epoch(const struct reclaim *reclaim)
{
	return reclaim->epoch;
}

int64_t reclaim_grace_ms(const struct reclaim *reclaim)
{
	int64_t left_ns = reclaim->grace_ends_ns - boot_ns();

	return left_ns > 0 ? left_ns / NS_PER_MS + 1 : 0;
}

void reclaim_stats(const struct reclaim *reclaim, struct backend_stats *ret)
{
	ret->reclaimed = reclaim->all_restored;
	ret->reclaim_lost = reclaim->all_lost;
	ret->grace_ns = reclaim->graces_ns;
}

static void see_token(struct reclaim *reclaim, uint64_t token)
{
	if (!token_is_foreign(token) && token > reclaim->largest_token)
		reclaim->largest_token = token;
}

void reclaim_note_acquired(struct reclaim *reclaim, const struct lock *lock, const char *nonce, bool bound)
{
	see_token(reclaim, lock->token);
	own_holdings_add(reclaim->holdings, lock, nonce, bound);
}

void reclaim_note_bound(struct reclaim *reclaim, const struct lock *lock)
{
	const struct own_holding *holding = own_holdings_find(reclaim->holdings, lock->token);
	char nonce[RANDOM_ID_SIZE] = "";

	if (holding)
		stpcpy(nonce, holding->nonce);
	reclaim_note_acquired(reclaim, lock, nonce, true);
}

void reclaim_note_lock(struct reclaim *reclaim, const struct lock *lock)
{
	see_token(reclaim, lock->token);
	own_holdings_update(reclaim->holdings, lock);
}

void reclaim_note_write(struct reclaim *reclaim, uint64_t token, off_t offset, const void *data, size_t size)
{
	own_holdings_write(reclaim->holdings, token, offset, data, size);
}

bool reclaim_is_bound(const struct reclaim *reclaim, uint64_t token)
{
	const struct own_holding *holding = own_holdings_find(reclaim->holdings, token);

	return holding && holding->bound;
}

static void on_ends_timer(uv_timer_t *timer)
{
	struct reclaim *reclaim = timer->data;

	recent_ends_forget_old(&reclaim->ends);
	if (reclaim->ends.count == 0)
		uv_timer_stop(timer);
}

static void note_end(struct reclaim *reclaim, const char *key, uint64_t token, bool shared, const char *nonce)
{
	recent_ends_add(&reclaim->ends, key, token, shared, nonce);
	if (!uv_is_active((uv_handle_t *)&reclaim->ends_timer))
		uv_timer_start(&reclaim->ends_timer, on_ends_timer, ENDS_TIMER_MS, ENDS_TIMER_MS);
}

void reclaim_note_ended(struct reclaim *reclaim, const char *key, uint64_t token)
{
	const struct own_holding *holding = own_holdings_find(reclaim->holdings, token);

	/* One of another mount counts as exclusive: an exclusive one before it has ended in any case. */
	if (!token_is_foreign(token))
		note_end(reclaim, key, token, holding && holding->lock.mode == LOCK_SHARED, holding ? holding->nonce : "");
	own_holdings_remove(reclaim->holdings, token);
}

void reclaim_note_withdrawn(struct reclaim *reclaim, const char *key, const char *nonce)
{
	note_end(reclaim, key, 0, true, nonce);
}

void reclaim_note_release(struct reclaim *reclaim, uint64_t token)
{
	struct own_holding *holding = own_holdings_find(reclaim->holdings, token);

	if (holding)
		holding->is_released = true;
}

void reclaim_note_doubt(struct reclaim *reclaim, const char *key, struct holding_match match)
{
	own_holdings_doubt(reclaim->holdings, key, match);
}

void reclaim_note_dir(struct reclaim *reclaim, const char *path, const struct dir_info *info)
{
	known_dirs_note(&reclaim->dirs, path, info);
}

void reclaim_forget_dir(struct reclaim *reclaim, const char *path)
{
	known_dirs_forget(&reclaim->dirs, path);
}

const struct dir_info *reclaim_find_dir(const struct reclaim *reclaim, const char *path)
{
	return known_dirs_find(&reclaim->dirs, path);
}

struct reclaim *reclaim_new(const struct backend_config *config, const struct redis_url *url, const char *instance,
                            reclaim_lost *lost, void *ctx)
{
	struct reclaim *reclaim = calloc(1, sizeof(*reclaim));

	if (!reclaim)
		return NULL;
	reclaim->config = config;
	reclaim->url = url;
	reclaim->instance = instance;
	reclaim->tell_lost = lost;
	reclaim->lost_ctx = ctx;
	reclaim->holdings = own_holdings_new(config);
	if (!reclaim->holdings || uv_timer_init(config->loop, &reclaim->ends_timer) < 0) {
		own_holdings_free(reclaim->holdings);
		free(reclaim);
		return NULL;
	}
	reclaim->ends_timer.data = reclaim;
	return reclaim;
}

void reclaim_on_done(struct reclaim *reclaim, reclaim_done *done, void *ctx)
{
	reclaim->done = done;
	reclaim->done_ctx = ctx;
}

static void on_closed(uv_handle_t *timer)
{
	free(timer->data);
}

void reclaim_free(struct reclaim *reclaim)
{
	if (!reclaim)
		return;
	end_batch(reclaim);
	own_holdings_free(reclaim->holdings);
	recent_ends_forget_all(&reclaim->ends);
	known_dirs_forget_all(&reclaim->dirs);
	uv_close((uv_handle_t *)&reclaim->ends_timer, on_closed);
}
