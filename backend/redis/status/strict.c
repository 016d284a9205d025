/* The checks of strict, in the order in which they are reported: only the first that fails is. */
#include "backend/redis/status/strict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Each check returns false, and prints what is wrong and what to change, if the server fails it. */
typedef bool check(const struct server_record *record, const struct promise_facts *facts, char problem[BACKEND_PROBLEM_MAX]);

static bool is_known(const struct server_record *record, const struct promise_facts *facts, char problem[BACKEND_PROBLEM_MAX])
{
	bool known = record->has_info && facts->eviction != EVICTION_UNKNOWN && facts->persistence != PERSISTENCE_UNKNOWN;

	/* Without CONFIG GET a server that appends nothing is one that may make snapshots, which are not enough anyway. */
	if (known || (record->has_info && record->info.appends == 0 && facts->eviction != EVICTION_UNKNOWN))
		return true;
	snprintf(problem, BACKEND_PROBLEM_MAX, "%.80s does not say in INFO what it promises, as -o strict asks: mount without it",
		record->identity.name);
	return false;
}

static bool keeps_when_full(const struct server_record *record, const struct promise_facts *facts, char problem[BACKEND_PROBLEM_MAX])
{
	if (strcmp(promise_of(facts, RISK_MEMORY_FULL).word, "lost") != 0)
		return true;
	snprintf(problem, BACKEND_PROBLEM_MAX,
		"%.80s evicts keys, and so locks, when its memory is full (maxmemory-policy %.24s), against -o strict: set maxmemory-policy to noeviction",
		record->identity.name, record->info.policy);
	return false;
}

static bool has_replicas(const struct server_record *record, const struct promise_facts *facts, char problem[BACKEND_PROBLEM_MAX])
{
	int64_t in_sync = facts->replicas == STATUS_UNKNOWN ? 0 : facts->replicas;

	if (in_sync >= facts->replicas_asked)
		return true;
	snprintf(problem, BACKEND_PROBLEM_MAX,
		"%.80s has %" PRId64 " replicas in sync, and -o strict asks for the %" PRId64 " of replicas=: add replicas (replicaof), or lower replicas=",
		record->identity.name, in_sync, facts->replicas_asked);
	return false;
}

static bool survives_restart(const struct server_record *record, const struct promise_facts *facts, char problem[BACKEND_PROBLEM_MAX])
{
	struct promise promise = promise_of(facts, RISK_RESTART);

	if (strcmp(promise.word, "kept") == 0 || strcmp(promise.word, "reclaimed") == 0)
		return true;
	snprintf(problem, BACKEND_PROBLEM_MAX,
		"%.80s loses locks when it restarts (appendonly no), against -o strict: set appendonly to yes", record->identity.name);
	return false;
}

static check *const checks[] = { is_known, keeps_when_full, has_replicas, survives_restart };

bool strict_accepts(const struct server_record *record, char problem[BACKEND_PROBLEM_MAX])
{
	struct promise_facts facts = server_record_facts(record);

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!checks[i](record, &facts, problem))
			return false;
	return true;
}
