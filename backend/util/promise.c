/* The table of promises: the first row of a risk whose facts hold says what becomes of the locks. */
#include "backend/util/promise.h"

typedef bool fact(const struct promise_facts *facts);

static bool always(const struct promise_facts *facts)
{
	(void)facts;
	return true;
}

static bool in_daemon(const struct promise_facts *facts)
{
	return facts->in_daemon;
}

static bool has_journal(const struct promise_facts *facts)
{
	return facts->has_journal;
}

static bool reclaims(const struct promise_facts *facts)
{
	return facts->reclaims;
}

static bool is_synced_always(const struct promise_facts *facts)
{
	return facts->persistence == PERSISTENCE_LOG_ALWAYS;
}

static bool is_logged(const struct promise_facts *facts)
{
	return facts->persistence >= PERSISTENCE_LOG;
}

static bool has_snapshots(const struct promise_facts *facts)
{
	return facts->persistence == PERSISTENCE_SNAPSHOTS;
}

static bool is_persistence_unknown(const struct promise_facts *facts)
{
	return facts->persistence == PERSISTENCE_UNKNOWN;
}

static bool waits_for_replicas(const struct promise_facts *facts)
{
	return facts->replicas_asked > 0 && facts->replicas >= facts->replicas_asked;
}

static bool has_replicas(const struct promise_facts *facts)
{
	return facts->replicas > 0;
}

static bool are_replicas_unknown(const struct promise_facts *facts)
{
	return facts->replicas == STATUS_UNKNOWN;
}

static bool is_eviction_unknown(const struct promise_facts *facts)
{
	return facts->eviction == EVICTION_UNKNOWN;
}

static bool evicts(const struct promise_facts *facts)
{
	return facts->eviction == EVICTION_OF_KEYS;
}

static const struct row {
	enum risk risk;
	fact *holds;
	struct promise promise;
} rows[] = {
	{ RISK_RESTART, has_journal, { "kept", "the next daemon on this mount point reads the journal" } },
	{ RISK_RESTART, in_daemon, { "lost", "the locks end with this daemon" } },
	{ RISK_RESTART, is_synced_always, { "kept", "each change is on the disk before it is answered" } },
	{ RISK_RESTART, reclaims, { "reclaimed", "each mount takes back what it holds before others can take it" } },
	{ RISK_RESTART, is_logged, { "kept", "each change is in the append-only file" } },
	{ RISK_RESTART, has_snapshots, { "lost", "snapshots lack what is newer than the last one" } },
	{ RISK_RESTART, is_persistence_unknown, { "unknown", "the server has not said whether it writes to a disk" } },
	{ RISK_RESTART, always, { "lost", "the server writes nothing to a disk" } },

	{ RISK_FAILOVER, in_daemon, { "lost", "only this daemon has the locks" } },
	{ RISK_FAILOVER, reclaims, { "reclaimed", "each mount takes back what it holds before others can take it" } },
	{ RISK_FAILOVER, waits_for_replicas, { "kept", "an acquisition counts only if replicas have it" } },
	{ RISK_FAILOVER, has_replicas, { "lost", "a replica may lack the last changes" } },
	{ RISK_FAILOVER, are_replicas_unknown, { "unknown", "the server has not said whether it has replicas" } },
	{ RISK_FAILOVER, always, { "lost", "the server has no replica in sync" } },

	{ RISK_MEMORY_FULL, in_daemon, { "kept", "new locks are refused" } },
	{ RISK_MEMORY_FULL, evicts, { "lost", "the server evicts keys" } },
	{ RISK_MEMORY_FULL, is_eviction_unknown, { "unknown", "the server has not said what it does then" } },
	{ RISK_MEMORY_FULL, always, { "kept", "new locks are refused" } },
};

struct promise promise_of(const struct promise_facts *facts, enum risk risk)
{
	const struct row *row = rows;

	/* The last row of each risk always holds. */
	while (row->risk != risk || !row->holds(facts))
		row++;
	return row->promise;
}

const char *persistence_word(enum persistence persistence)
{
	static const char *const words[PERSISTENCE_COUNT] = {
		[PERSISTENCE_NONE] = "none",
		[PERSISTENCE_SNAPSHOTS] = "snapshots",
		[PERSISTENCE_LOG] = "append-only file",
		[PERSISTENCE_LOG_NO] = "append-only file, synced by the kernel",
		[PERSISTENCE_LOG_SECOND] = "append-only file, synced each second",
		[PERSISTENCE_LOG_ALWAYS] = "append-only file, synced always",
	};

	return words[persistence];
}
