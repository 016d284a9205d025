/* INFO of a server: what is read from the texts of Redis and Valkey, and what is not believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/redis/reply/server_info.h"

#define REPLICA(number, state, offset, lag) \
	"slave" number ":ip=10.0.0.7,port=6379,state=" state ",offset=" offset ",lag=" lag "\r\n"

/* Of Redis 7.0.15 with two replicas, and in the order in which the server has its lines. */
static const char redis_text[] =
	"# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_mode:standalone\r\n"
	"run_id:8f37b045453cff8a955b4c3f0ed023af37efc03f\r\ntcp_port:6379\r\n\r\n"
	"# Replication\r\nrole:master\r\nconnected_slaves:2\r\n" REPLICA("0", "online", "1400", "0")
	REPLICA("1", "wait_bgsave", "0", "0") "master_repl_offset:1400\r\n\r\n"
	"# Memory\r\nused_memory:1000000\r\nused_memory_human:976.56K\r\nmaxmemory:3000000\r\nmaxmemory_human:2.86M\r\n"
	"maxmemory_policy:noeviction\r\n\r\n# Persistence\r\nloading:0\r\naof_enabled:1\r\n";

static const char valkey_text[] =
	"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\nrun_id:aa11\r\n"
	"# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nconnected_slaves:0\r\nmaster_repl_offset:7\r\n"
	"# Memory\r\nused_memory:5\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n# Persistence\r\naof_enabled:0\r\n";

static struct server_info parse(const char *text)
{
	struct server_info info;

	server_info_parse(text, strlen(text), &info);
	return info;
}

static void test_redis(void **state)
{
	struct server_info info = parse(redis_text);

	(void)state;
	assert_string_equal(info.product, "Redis");
	assert_string_equal(info.version, "7.0.15");
	assert_string_equal(info.run_id, "8f37b045453cff8a955b4c3f0ed023af37efc03f");
	assert_int_equal(info.role, ROLE_PRIMARY);
	assert_int_equal(info.replicas, 2);
	assert_int_equal(info.replicas_in_sync, 1);
	assert_int_equal(info.appends, 1);
	assert_int_equal(info.memory_used, 1000000);
	assert_int_equal(info.memory_most, 3000000);
	assert_string_equal(info.policy, "noeviction");
}

static void test_valkey(void **state)
{
	struct server_info info = parse(valkey_text);

	(void)state;
	assert_string_equal(info.product, "Valkey");
	assert_string_equal(info.version, "8.1.1");
	assert_int_equal(info.role, ROLE_REPLICA);
	assert_int_equal(info.replicas, 0);
	assert_int_equal(info.appends, 0);
	assert_int_equal(info.memory_most, 0);
	assert_string_equal(info.policy, "allkeys-lru");
}

/* A replica has all writes if it reported within a second, or has come as far as the primary. */
static void test_in_sync(void **state)
{
	static const struct {
		const char *line;
		int64_t in_sync;
	} rows[] = {
		{ REPLICA("0", "online", "10", "0"), 1 },
		{ REPLICA("0", "online", "10", "1"), 1 },
		{ REPLICA("0", "online", "10", "2"), 0 },
		{ REPLICA("0", "online", "1400", "9"), 1 },
		{ REPLICA("0", "send_bulk", "1400", "0"), 0 },
		{ REPLICA("0", "online", "10", "-1"), 0 },
		{ REPLICA("x", "online", "1400", "0"), 0 },
		{ REPLICA("", "online", "1400", "0"), 0 },
		{ "slave0:state=online\r\n", 0 },
		{ "slave0:state=online,lag=\r\n", 0 },
		{ "slave0:xstate=online,lag=0\r\n", 0 },
		{ "slave0:lag=0,state=online\r\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512] = "role:master\r\nconnected_slaves:1\r\n";

		strncat(text, rows[i].line, 300);
		strncat(text, "master_repl_offset:1400\r\n", 100);
		print_message("%s", rows[i].line);
		assert_int_equal(parse(text).replicas_in_sync, rows[i].in_sync);
	}
}

/* Any program may answer in place of a server. */
static void test_not_believed(void **state)
{
	static const char *const texts[] = {
		"", "\r\n", ":", "::::", "run_id", "run_id:", "run_id:a b\r\n", "run_id:\033[2J\r\n",
		"run_id:0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
		"maxmemory:-1\r\n", "maxmemory:12x\r\n", "maxmemory:99999999999999999999\r\n", "xmaxmemory:1\r\n", "MAXMEMORY:1\r\n",
		"aof_enabled:2\r\n", "connected_slaves:-3\r\n", "role:king\r\n", "maxmemory_policy:no eviction\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct server_info info = parse(texts[i]);

		print_message("%zu\n", i);
		assert_string_equal(info.product, "Redis");
		assert_string_equal(info.version, "");
		assert_string_equal(info.run_id, "");
		assert_string_equal(info.policy, "");
		assert_int_equal(info.role, ROLE_UNKNOWN);
		assert_int_equal(info.replicas, -1);
		assert_int_equal(info.replicas_in_sync, -1);
		assert_int_equal(info.appends, -1);
		assert_int_equal(info.memory_most, -1);
		assert_int_equal(info.memory_used, -1);
	}
}

/* A line that claims many replicas counts only those that are listed. */
static void test_claimed_replicas(void **state)
{
	(void)state;
	assert_int_equal(parse("role:master\r\nconnected_slaves:9223372036854775807\r\n").replicas_in_sync, 0);
	assert_int_equal(parse("role:master\r\n" REPLICA("0", "online", "1", "0")).replicas_in_sync, -1);
}

/* Reads a reply in the protocol of Redis; the caller frees it. */
static redisReply *reply_of(const char *bytes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	redisReaderFeed(reader, bytes, strlen(bytes));
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static void test_replies(void **state)
{
	static const struct {
		const char *bytes;
		int status;
	} rows[] = {
		{ "*5\r\n$2\r\nOK\r\n$12\r\nrun_id:abc\r\n\r\n$10\r\n1795568070\r\n$6\r\n484812\r\n:3\r\n", 0 },
		{ "*5\r\n$2\r\nOK\r\n$0\r\n\r\n$10\r\n1795568070\r\n$1\r\n0\r\n:-1\r\n", 0 },
		{ "*5\r\n$2\r\nOK\r\n$0\r\n\r\n$10\r\n1795568070\r\n$1\r\n0\r\n:-2\r\n", -EPROTO },
		{ "*5\r\n$2\r\nOK\r\n$0\r\n\r\n$10\r\n1795568070\r\n$7\r\n1000000\r\n:0\r\n", -EPROTO },
		{ "*5\r\n$2\r\nOK\r\n$0\r\n\r\n$19\r\n9223372036854775807\r\n$1\r\n0\r\n:0\r\n", -EPROTO },
		{ "*5\r\n$2\r\nOK\r\n:7\r\n$10\r\n1795568070\r\n$1\r\n0\r\n:0\r\n", -EPROTO },
		{ "*4\r\n$2\r\nOK\r\n$0\r\n\r\n$10\r\n1795568070\r\n$1\r\n0\r\n", -EPROTO },
		{ "+OK\r\n", -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		redisReply *reply = reply_of(rows[i].bytes);
		struct server_reply answer;

		print_message("%zu\n", i);
		assert_int_equal(reply_server(reply, &answer), rows[i].status);
		if (i == 0) {
			assert_string_equal(answer.info.run_id, "abc");
			assert_int_equal(answer.time_us, INT64_C(1795568070484812));
			assert_int_equal(answer.mounts_asked, 3);
		}
		freeReplyObject(reply);
	}
}

static void test_settings(void **state)
{
	static const struct {
		const char *bytes, *value;
	} rows[] = {
		{ "*2\r\n$4\r\nsave\r\n$0\r\n\r\n", "" },
		{ "*2\r\n$4\r\nsave\r\n$6\r\n3600 1\r\n", "3600 1" },
		{ "*0\r\n", NULL },
		{ "*2\r\n$4\r\nsave\r\n:1\r\n", NULL },
		{ "-NOPERM no\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		redisReply *reply = reply_of(rows[i].bytes);
		const char *value = reply_config(reply);

		assert_int_equal(!value, !rows[i].value);
		if (value)
			assert_string_equal(value, rows[i].value);
		freeReplyObject(reply);
	}
	assert_null(reply_config(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_valkey),
		cmocka_unit_test(test_in_sync),
		cmocka_unit_test(test_not_believed),
		cmocka_unit_test(test_claimed_replicas),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
