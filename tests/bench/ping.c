/*
 * Times round trips to a Redis server, with a pause between them:
 *
 *   ping HOST PORT ROUNDS PAUSE_MS
 *
 * Prints MEDIAN MIN P99 in µs.
 */
#include <hiredis.h>

#include "tests/bench/bench.h"

#define ROUNDS_MAX   100000
#define PAUSE_MAX_MS 1000

int main(int argc, char **argv)
{
	long port = argc == 5 ? read_count(argv[2], 65535) : 0;
	long rounds = argc == 5 ? read_count(argv[3], ROUNDS_MAX) : 0;
	long pause_ms = argc == 5 ? read_count(argv[4], PAUSE_MAX_MS) : 0;
	redisContext *redis;
	int64_t *times_ns;

	if (!port || !rounds || !pause_ms) {
		fputs("usage: ping HOST PORT ROUNDS PAUSE_MS\n", stderr);
		return 2;
	}
	redis = redisConnect(argv[1], (int)port);
	times_ns = calloc((size_t)rounds, sizeof(*times_ns));
	if (!redis || redis->err || !times_ns) {
		fputs("ping: cannot reach the server\n", stderr);
		return EXIT_FAILURE;
	}
	for (long i = 0; i < rounds; i++) {
		int64_t start_ns;
		redisReply *reply;

		sleep_ms(pause_ms);
		start_ns = now_ns();
		reply = redisCommand(redis, "PING");
		if (!reply)
			return EXIT_FAILURE;
		times_ns[i] = now_ns() - start_ns;
		freeReplyObject(reply);
	}
	print_times(times_ns, (size_t)rounds);
	puts("");
	redisFree(redis);
	free(times_ns);
	return EXIT_SUCCESS;
}
