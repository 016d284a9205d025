/* What becomes of the locks at each risk, and which servers a strict mount refuses, from what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/redis/status/strict.h"
#include "backend/util/promise.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	struct promise_facts facts;
	const char *restart, *failover, *memory_full;
} rows[] = {
	{ { .in_daemon = true }, "lost", "lost", "kept" },
	{ { .in_daemon = true, .has_journal = true }, "kept", "lost", "kept" },
	{ { .replicas = STATUS_UNKNOWN }, "unknown", "unknown", "unknown" },
	{ { .persistence = PERSISTENCE_NONE, .eviction = EVICTION_NEVER }, "lost", "lost", "kept" },
	{ { .persistence = PERSISTENCE_SNAPSHOTS, .eviction = EVICTION_OF_KEYS }, "lost", "lost", "lost" },
	{ { .persistence = PERSISTENCE_LOG }, "kept", "lost", "unknown" },
	{ { .persistence = PERSISTENCE_LOG_NO }, "kept", "lost", "unknown" },
	{ { .persistence = PERSISTENCE_LOG_SECOND }, "kept", "lost", "unknown" },
	{ { .persistence = PERSISTENCE_LOG_ALWAYS }, "kept", "lost", "unknown" },
	{ { .persistence = PERSISTENCE_NONE, .reclaims = true }, "reclaimed", "reclaimed", "unknown" },
	{ { .persistence = PERSISTENCE_LOG_SECOND, .reclaims = true }, "reclaimed", "reclaimed", "unknown" },
	{ { .persistence = PERSISTENCE_LOG_ALWAYS, .reclaims = true }, "kept", "reclaimed", "unknown" },
	{ { .persistence = PERSISTENCE_NONE, .replicas = 2 }, "lost", "lost", "unknown" },
	{ { .persistence = PERSISTENCE_NONE, .replicas = 2, .replicas_asked = 2 }, "lost", "kept", "unknown" },
	{ { .persistence = PERSISTENCE_NONE, .replicas = 1, .replicas_asked = 2 }, "lost", "lost", "unknown" },
};

static void test_promises(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const words[RISK_COUNT] = {
			[RISK_RESTART] = rows[i].restart, [RISK_FAILOVER] = rows[i].failover, [RISK_MEMORY_FULL] = rows[i].memory_full,
		};

		for (enum risk risk = 0; risk < RISK_COUNT; risk++) {
			struct promise promise = promise_of(&rows[i].facts, risk);

			print_message("row %zu, risk %d\n", i, (int)risk);
			assert_string_equal(promise.word, words[risk]);
			assert_true(strlen(promise.reason) > 0);
		}
	}
}

/* A server that strict accepts: it appends, never evicts, and has one replica in sync. */
static struct server_record good_record(void)
{
	struct server_record record;

	server_record_init(&record);
	record.has_info = true;
	stpcpy(record.identity.name, "redis://web1:6379");
	record.info = (struct server_info){
		.product = "Redis", .policy = "noeviction", .role = ROLE_PRIMARY, .replicas = 1, .replicas_in_sync = 1, .appends = 1,
	};
	record.settings.log = PERSISTENCE_LOG_SECOND;
	return record;
}

static void expect_refusal(const struct server_record *record, const char *advice)
{
	char problem[BACKEND_PROBLEM_MAX] = "";

	assert_false(strict_accepts(record, problem));
	print_message("%s\n", problem);
	assert_non_null(strstr(problem, "redis://web1:6379"));
	assert_non_null(strstr(problem, advice));
}

static void expect_acceptance(const struct server_record *record)
{
	char problem[BACKEND_PROBLEM_MAX] = "";

	assert_true(strict_accepts(record, problem));
}

static void test_strict_persistence(void **state)
{
	struct server_record record = good_record();

	(void)state;
	expect_acceptance(&record);
	record.info.appends = 0;
	expect_refusal(&record, "set appendonly to yes");
	record.settings.has_save = true;
	record.settings.makes_snapshots = true;
	expect_refusal(&record, "set appendonly to yes");
	record.reclaims = true;
	expect_acceptance(&record);
}

static void test_strict_eviction(void **state)
{
	struct server_record record = good_record();

	(void)state;
	stpcpy(record.info.policy, "volatile-ttl");
	record.reclaims = true;
	expect_refusal(&record, "(maxmemory-policy volatile-ttl)");
	expect_refusal(&record, "set maxmemory-policy to noeviction");
}

static void test_strict_replicas(void **state)
{
	struct server_record record = good_record();

	(void)state;
	record.replicas_asked = 1;
	expect_acceptance(&record);
	record.replicas_asked = 2;
	expect_refusal(&record, "has 1 replicas in sync");
	record.info.replicas_in_sync = 2;
	expect_acceptance(&record);
	/* The replicas of a replica do not count. */
	record.info.role = ROLE_REPLICA;
	expect_refusal(&record, "has 0 replicas in sync");
}

static void test_strict_of_unknown(void **state)
{
	struct server_record record = good_record();

	(void)state;
	record.info.appends = -1;
	expect_refusal(&record, "does not say");
	record = good_record();
	*record.info.policy = '\0';
	expect_refusal(&record, "does not say");
	record = good_record();
	record.has_info = false;
	expect_refusal(&record, "does not say");
}

/* Another process is told with both names, once; a connection to the same one, or to one that hides it, is none. */
static void test_changes(void **state)
{
	struct server_record record;
	struct server_info first = { .product = "Redis", .version = "7.0.15", .run_id = "aaaaaaaaaaaa" };
	struct server_info second = { .product = "Valkey", .version = "8.1.1", .run_id = "bbbbbbbbbbbb" };
	struct server_info silent = { .product = "Redis" };
	char line[BACKEND_PROBLEM_MAX];

	(void)state;
	server_record_init(&record);
	assert_false(server_record_up(&record, "redis://web1:6379", &first, line));
	assert_false(server_record_up(&record, "redis://web1:6379", &first, line));
	assert_false(server_record_up(&record, "redis://web1:6379", &silent, line));
	assert_true(server_record_up(&record, "redis://web2:6379", &second, line));
	assert_string_equal(line, "redis://web2:6379: another server answers, Valkey 8.1.1 (process bbbbbbbb), and no longer "
		"redis://web1:6379: Redis 7.0.15 (process aaaaaaaa)");
	assert_true(server_record_up(&record, "redis://web2:6379", &first, line));
	assert_string_equal(line, "redis://web2:6379: another server answers, Redis 7.0.15 (process aaaaaaaa), and no longer "
		"Valkey 8.1.1 (process bbbbbbbb)");
	assert_int_equal(record.failovers, 2);
}

/* The first cause of a loss stays, and that of the last attempt is why the server is away. */
static void test_losses(void **state)
{
	struct server_record record;
	struct server_info info = { .product = "Redis", .run_id = "a" };
	struct backend_status status;
	char line[BACKEND_PROBLEM_MAX];

	(void)state;
	server_record_init(&record);
	server_record_up(&record, "redis://web1:6379", &info, line);
	server_record_fill(&record, &status);
	assert_true(status.up && status.last_loss_ms == STATUS_UNKNOWN);
	server_record_down(&record, "closed");
	server_record_down(&record, "refused");
	server_record_fill(&record, &status);
	assert_false(status.up);
	assert_string_equal(status.last_loss_cause, "closed");
	assert_string_equal(status.away_cause, "refused");
	assert_true(status.away_since_ms == status.last_loss_ms && status.away_since_ms > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_strict_persistence),
		cmocka_unit_test(test_strict_eviction),
		cmocka_unit_test(test_strict_replicas),
		cmocka_unit_test(test_strict_of_unknown),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
