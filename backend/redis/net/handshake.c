/*
 * Sets up a connection for calls, in steps: the commands of a step are sent together, and the next
 * step starts when all of them have been answered. One refusal ends the connection.
 */
#include "backend/redis/net/handshake.h"

#include <errno.h>
#include <limits.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/slot.h"
#include "backend/util/text/number.h"

#define CLIENT_ID_MAX 24       /* bytes of the server's number of a client, its NUL included */
#define CLIENT_ADDRESS_MAX 160 /* bytes of an address and port, their NUL included */
#define COMMAND_WORDS_MAX (8 + SLOT_GUARD_KEYS)

#define FITS_COMMAND(words) (sizeof(words) / sizeof((words)[0]) <= COMMAND_WORDS_MAX - SLOT_GUARD_KEYS)

struct handshake {
	const struct backend_config *config;
	const struct redis_url *url;
	const char *mount;             /* the instance of this daemon */
	struct connection *connection; /* the present or last one */
	handshake_finished *finished;
	void *ctx;
	size_t step;                   /* index of the next step in `steps` */
	unsigned int replies_wanted;   /* replies of the current step that have not arrived; 0 after a refusal */
	struct server_info server;     /* of the present or last connection, from INFO */
	char eviction_policy[32];      /* maxmemory-policy if the server may evict keys, else "" */
	bool finished_once;            /* a handshake of this daemon has finished before */
	char client_id[CLIENT_ID_MAX]; /* of the present or last connection, from CLIENT INFO; "" before the first */
	char client_address[CLIENT_ADDRESS_MAX]; /* from CLIENT INFO as well */
	char shas[SCRIPT_COUNT][SCRIPT_SHA_SIZE + 1];
};

static void on_any_reply(redisAsyncContext *context, void *reply, void *ctx);

static int send_command(struct handshake *handshake, redisCallbackFn *callback, int argc, const char **argv)
{
	size_t lengths[COMMAND_WORDS_MAX];

	for (int i = 0; i < argc; i++)
		lengths[i] = strlen(argv[i]);
	handshake->replies_wanted++;
	return connection_send(handshake->connection, callback, handshake, argc, argv, lengths);
}

/* Sends EVAL or EVALSHA with one key, and in a cluster with the keys of the guard. */
static int send_guarded(struct handshake *handshake, int argc, const char **argv)
{
	char *const *guard = handshake->url->guard.keys;
	const char *guarded[COMMAND_WORDS_MAX] = { argv[0], argv[1], "3", argv[3], guard[0], guard[1] };

	if (!guard[0])
		return send_command(handshake, on_any_reply, argc, argv);
	for (int i = 4; i < argc; i++)
		guarded[i + SLOT_GUARD_KEYS] = argv[i];
	return send_command(handshake, on_any_reply, argc + SLOT_GUARD_KEYS, guarded);
}

/* Makes the key of the guard that always exists. */
static int send_guard_key(struct handshake *handshake)
{
	const char *argv[] = { "SET", handshake->url->guard.keys[0], "-", "NX" };

	return handshake->url->guard.keys[0] ? send_command(handshake, on_any_reply, 4, argv) : 0;
}

/* Checks the rights that only EVALSHA and SCAN need. */
static int try_scripts(struct handshake *handshake)
{
	const char *namespace_ = handshake->config->namespace_;
	char *key = NULL;
	int err = -ENOMEM;

	if (asprintf(&key, "%s:", namespace_) >= 0) {
		const char *read[] = { "EVALSHA", handshake->shas[SCRIPT_READ], "1", key, namespace_, "", handshake->mount };
		const char *scan[] = { "EVALSHA", handshake->shas[SCRIPT_FOREIGN_SCAN], "1", key, namespace_, "", handshake->mount,
			"a0" }; /* the first cursor of foreign_scan.lua */

		_Static_assert(FITS_COMMAND(read) && FITS_COMMAND(scan), "send_command() has room for all words");
		err = send_guarded(handshake, 7, read);
		if (err == 0 && handshake->config->scan)
			err = send_guarded(handshake, 8, scan);
	}
	free(key);
	return err;
}

static void warn_of_eviction(const struct handshake *handshake)
{
	char line[BACKEND_PROBLEM_MAX];

	snprintf(line, sizeof(line),
		"%s may throw locks away when its memory is full (maxmemory-policy %s): set it to noeviction",
		handshake->url->name, handshake->eviction_policy);
	if (handshake->config->on_notice)
		handshake->config->on_notice(handshake->config->ctx, line);
}

static void finish(struct handshake *handshake)
{
	if (!handshake->finished_once && *handshake->eviction_policy)
		warn_of_eviction(handshake);
	handshake->finished_once = true;
	handshake->finished(handshake->ctx);
}

static void start_next_step(struct handshake *handshake);

static void on_reply(struct handshake *handshake, const redisReply *reply)
{
	/* The connection reports its own loss, and the first refusal has ended it. */
	if (!reply || connection_is_up(handshake->connection) || handshake->replies_wanted == 0)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		handshake->replies_wanted = 0;
		connection_refuse(handshake->connection, reply->str);
		return;
	}
	connection_progressed(handshake->connection);
	if (--handshake->replies_wanted == 0)
		start_next_step(handshake);
}

/* A server that evicts keys when its memory is full evicts locks. */
static void find_eviction_policy(struct handshake *handshake, const char *info)
{
	static const char limit_field[] = "\nmaxmemory:";
	static const char policy_field[] = "\nmaxmemory_policy:";
	const char *limit = strstr(info, limit_field);
	const char *policy = strstr(info, policy_field);

	if (!limit || !policy || limit[strlen(limit_field)] == '0')
		return;
	policy += strlen(policy_field);
	if (strncmp(policy, "noeviction", strlen("noeviction")) == 0)
		return;
	snprintf(handshake->eviction_policy, sizeof(handshake->eviction_policy), "%.*s", (int)strcspn(policy, "\r\n"), policy);
}

static void on_memory_info(redisAsyncContext *context, void *data, void *ctx)
{
	struct handshake *handshake = ctx;
	const redisReply *reply = data;

	(void)context;
	if (reply && reply->type != REDIS_REPLY_ERROR && reply->str)
		find_eviction_policy(handshake, reply->str);
	on_reply(handshake, reply);
}

/* Reads a field of INFO; the value is cut off if it is too long, and "" if there is no such field. */
static void read_info_field(const char *info, const char *name, char *value, size_t size)
{
	const char *at = strstr(info, name);

	*value = '\0';
	if (!at)
		return;
	at += strlen(name);
	snprintf(value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/* Returns 0 if lockfs can use this server; else a negative errno, and `problem` says why. */
static int check_server(const struct handshake *handshake, const char *info, char problem[BACKEND_PROBLEM_MAX])
{
	const char *server = handshake->url->name;
	char mode[16], version[32];
	uint64_t number[2] = { 0, 0 }; /* the first two numbers of the version */
	const char *end;

	read_info_field(info, "\nredis_mode:", mode, sizeof(mode));
	if (!*mode)
		read_info_field(info, "\nserver_mode:", mode, sizeof(mode)); /* Valkey 8.1 */
	read_info_field(info, "\nredis_version:", version, sizeof(version));
	if (strcmp(mode, "sentinel") == 0) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			"%s is a Sentinel, which keeps no data: write redis-sentinel:// and the name of the primary in SOURCE", server);
		return -EPROTONOSUPPORT;
	}
	if (strcmp(mode, "cluster") == 0 && !slot_has_tag(handshake->config->namespace_)) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			"%s is one of a cluster, and the keys of a namespace must be on one node: write redis-cluster:// in SOURCE, or give namespace= a hash tag, {locks}",
			server);
		return -EINVAL;
	}
	end = number_read(version, 10, INT_MAX, &number[0]);
	if (end && *end == '.')
		(void)number_read(end + 1, 10, INT_MAX, &number[1]);
	if (end && (number[0] < 6 || (number[0] == 6 && number[1] < 2))) {
		snprintf(problem, BACKEND_PROBLEM_MAX, "%s is Redis %s, and lockfs needs 6.2 or newer, or Valkey",
			server, version);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

static void on_server_info(redisAsyncContext *context, void *data, void *ctx)
{
	struct handshake *handshake = ctx;
	const redisReply *reply = data;
	char problem[BACKEND_PROBLEM_MAX];
	int err = 0;

	(void)context;
	if (reply && reply->type != REDIS_REPLY_ERROR && reply->str && handshake->replies_wanted > 0 &&
		!connection_is_up(handshake->connection)) {
		server_info_parse(reply->str, reply->len, &handshake->server);
		err = check_server(handshake, reply->str, problem);
	}
	if (err == 0) {
		on_reply(handshake, reply);
		return;
	}
	handshake->replies_wanted = 0;
	connection_drop(handshake->connection, err, problem);
}

static void on_any_reply(redisAsyncContext *context, void *reply, void *ctx)
{
	(void)context;
	on_reply(ctx, reply);
}

/* Reads `name=value` of CLIENT INFO; false if there is no such field or the value is too long. */
static bool read_client_field(const char *info, const char *name, char *value, size_t size)
{
	const char *at = info;
	size_t length;

	while ((at = strstr(at, name)) && at != info && at[-1] != ' ')
		at++;
	if (!at)
		return false;
	at += strlen(name);
	length = strcspn(at, " \n");
	if (length >= size)
		return false;
	memcpy(value, at, length);
	value[length] = '\0';
	return true;
}

static void on_client_info(redisAsyncContext *context, void *data, void *ctx)
{
	struct handshake *handshake = ctx;
	const redisReply *reply = data;

	(void)context;
	if (reply && reply->type != REDIS_REPLY_ERROR && reply->str &&
		(!read_client_field(reply->str, "id=", handshake->client_id, sizeof(handshake->client_id)) ||
			!read_client_field(reply->str, "addr=", handshake->client_address,
				sizeof(handshake->client_address))))
		*handshake->client_id = '\0';
	on_reply(handshake, reply);
}

static void on_loaded(redisAsyncContext *context, void *data, void *ctx)
{
	struct handshake *handshake = ctx;
	const redisReply *reply = data;

	(void)context;
	/* The replies come in the order of the scripts, and they are the last replies of their step. */
	if (reply && reply->type == REDIS_REPLY_STRING && reply->len == SCRIPT_SHA_SIZE && handshake->replies_wanted > 0 &&
		handshake->replies_wanted <= SCRIPT_COUNT)
		stpcpy(handshake->shas[SCRIPT_COUNT - handshake->replies_wanted], reply->str);
	on_reply(handshake, reply);
}

/*
 * Has the server end the connection before this one. The calls on it were answered as lost, so
 * commands of them that the server has not read must not run any more. The address is given as
 * well because a restarted server numbers its clients from 1 again. Before the first connection
 * the command names no client.
 */
static int send_kill(struct handshake *handshake)
{
	const char *argv[] = { "CLIENT", "KILL", "ID", "9223372036854775807", "ADDR", "0.0.0.0:0" };

	if (*handshake->client_id) {
		argv[3] = handshake->client_id;
		argv[5] = handshake->client_address;
	}
	return send_command(handshake, on_any_reply, 6, argv);
}

static int send_self_test(struct handshake *handshake)
{
	const char *namespace_ = handshake->config->namespace_;
	const char *back = handshake->finished_once ? "1" : "";
	const char *argv[] = { "EVAL", script_text(SCRIPT_SELF_TEST), "1", NULL, namespace_, "", handshake->mount, back };
	char *key;
	int err;

	if (asprintf(&key, "%s#hello", namespace_) < 0)
		return -ENOMEM;
	argv[3] = key;
	_Static_assert(FITS_COMMAND(argv), "send_command() has room for all words");
	err = send_guarded(handshake, 8, argv);
	free(key);
	return err;
}

static int send_script_load(struct handshake *handshake, enum script script)
{
	const char *argv[] = { "SCRIPT", "LOAD", script_text(script) };

	return send_command(handshake, on_loaded, 3, argv);
}

/* Short commands, which any server answers: one that lockfs cannot use says why, or shows it in INFO. */
static int send_small_commands(struct handshake *handshake)
{
	static const char *client_info[] = { "CLIENT", "INFO" };
	static const char *server_info[] = { "INFO", "server" };
	static const char *memory_info[] = { "INFO", "memory" };
	static const char *ping[] = { "PING" };
	int err = send_kill(handshake);

	if (err == 0)
		err = send_command(handshake, on_client_info, 2, client_info);
	if (err == 0)
		err = send_command(handshake, on_server_info, 2, server_info);
	if (err == 0)
		err = send_command(handshake, on_memory_info, 2, memory_info);
	if (err == 0)
		err = send_command(handshake, on_any_reply, 1, ping);
	return err;
}

/* A server that wants a password closes the connection if it receives texts as long as the scripts. */
static int load_scripts(struct handshake *handshake)
{
	/* A read-only mount may use a replica, and needs no right to write. */
	int err = handshake->config->read_only ? 0 : send_guard_key(handshake);

	if (err == 0 && !handshake->config->read_only)
		err = send_self_test(handshake);
	for (enum script script = 0; err == 0 && script < SCRIPT_COUNT; script++)
		err = send_script_load(handshake, script);
	return err;
}

/* Each step starts after the replies of the step before. */
static int (*const steps[])(struct handshake *handshake) = { send_small_commands, load_scripts, try_scripts };

static void start_next_step(struct handshake *handshake)
{
	int err;

	if (handshake->step == sizeof(steps) / sizeof(steps[0])) {
		finish(handshake);
		return;
	}
	err = steps[handshake->step++](handshake);
	if (err < 0)
		connection_drop(handshake->connection, err, strerror(-err));
}

void handshake_begin(struct handshake *handshake, struct connection *connection)
{
	handshake->connection = connection;
	handshake->step = 0;
	handshake->replies_wanted = 0;
	*handshake->eviction_policy = '\0';
	start_next_step(handshake);
}

const char *handshake_sha(const struct handshake *handshake, enum script script)
{
	return handshake->shas[script];
}

const struct server_info *handshake_server(const struct handshake *handshake)
{
	return &handshake->server;
}

struct handshake *handshake_new(const struct backend_config *config, const struct redis_url *url, const char *mount,
                        handshake_finished *finished, void *ctx)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));

	if (!handshake)
		return NULL;
	handshake->config = config;
	handshake->url = url;
	handshake->mount = mount;
	handshake->finished = finished;
	handshake->ctx = ctx;
	return handshake;
}

void handshake_free(struct handshake *handshake)
{
	free(handshake);
}
