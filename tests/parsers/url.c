/* SOURCE of the Redis backend with several servers: what is read, and what is refused and why. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/redis/net/url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	enum redis_topology topology;
	const char *name;
	int db;
} accepted[] = {
	{ "redis://h", TOPOLOGY_SERVER, "redis://h:6379", 0 },
	{ "redis://h,h:6379", TOPOLOGY_SERVER, "redis://h:6379", 0 },
	{ "redis://a,b:6380,[::1]:6381/2", TOPOLOGY_LIST, "redis://a:6379,b:6380,[::1]:6381", 2 },
	{ "rediss://u:p,a@a,b", TOPOLOGY_LIST, "rediss://a:6379,b:6379", 0 },
	{ "redis-sentinel://a,b:26380/mymaster", TOPOLOGY_SENTINEL, "redis-sentinel://a:26379,b:26380/mymaster", 0 },
	{ "rediss-sentinel://u:p@[::1]/my.master-1/3", TOPOLOGY_SENTINEL, "rediss-sentinel://[::1]:26379/my.master-1", 3 },
	{ "redis-cluster://a,b", TOPOLOGY_CLUSTER, "redis-cluster://a:6379,b:6379", 0 },
	{ "rediss-cluster://:p@a/", TOPOLOGY_CLUSTER, "rediss-cluster://a:6379", 0 },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct redis_url url;
		char problem[BACKEND_PROBLEM_MAX];

		assert_int_equal(redis_url_parse(accepted[i].text, NULL, &url, problem), 0);
		assert_int_equal(url.topology, accepted[i].topology);
		assert_string_equal(url.name, accepted[i].name);
		assert_int_equal(url.db, accepted[i].db);
		redis_url_free(&url);
	}
}

static const struct {
	const char *text;
	const char *reason;
} refused[] = {
	{ "redis://a,,b", "it names no server" },
	{ "redis://a,", "it names no server" },
	{ "redis://a,b:0", "a port is a number" },
	{ "redis://a,::1", "brackets" },
	{ "redis://a,b/x", "a database is a number" },
	{ "redis://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "more than 16 servers" },
	{ "redis-sentinel://a", "the name of the primary" },
	{ "redis-sentinel://a/", "the name of the primary" },
	{ "redis-sentinel://a/my master", "has letters, digits" },
	{ "redis-sentinel://a/my?master", "has letters, digits" },
	{ "redis-sentinel://a/m/x", "a database is a number" },
	{ "redis-sentinel:///m", "it names no server" },
	{ "redis-cluster://a/1", "a cluster has no databases" },
	{ "redis-cluster://", "it names no server" },
	{ "redis-cluster+unix://a", "two slashes" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct redis_url url;
		char problem[BACKEND_PROBLEM_MAX];

		assert_int_equal(redis_url_parse(refused[i].text, NULL, &url, problem), -EINVAL);
		assert_non_null(strstr(problem, refused[i].reason));
		assert_null(strchr(problem, '\n'));
	}
}

static void test_a_host_has_a_bound(void **state)
{
	char text[400] = "redis://a,";
	struct redis_url url;
	char problem[BACKEND_PROBLEM_MAX];

	(void)state;
	memset(text + strlen(text), 'h', REDIS_HOST_SIZE - 1);
	assert_int_equal(redis_url_parse(text, NULL, &url, problem), 0);
	redis_url_free(&url);
	text[strlen(text)] = 'h';
	assert_int_equal(redis_url_parse(text, NULL, &url, problem), -EINVAL);
	assert_non_null(strstr(problem, "up to 253 bytes"));
}

static void test_addresses_as_a_server_writes_them(void **state)
{
	struct redis_address address;

	(void)state;
	assert_int_equal(redis_address_parse("::1:7000", &address), 0);
	assert_string_equal(address.host, "::1");
	assert_int_equal(address.port, 7000);
	assert_int_equal(redis_address_parse("10.0.0.1:7000", &address), 0);
	assert_string_equal(address.host, "10.0.0.1");
	assert_int_equal(redis_address_parse(":7000", &address), -EINVAL);
	assert_int_equal(redis_address_parse("h:0", &address), -EINVAL);
	assert_int_equal(redis_address_parse("h:65536", &address), -EINVAL);
	assert_int_equal(redis_address_parse("h", &address), -EINVAL);
	assert_int_equal(redis_address_parse("", &address), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_a_host_has_a_bound),
		cmocka_unit_test(test_addresses_as_a_server_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
