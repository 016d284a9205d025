/* What becomes of the locks when something happens to the server: the one place that derives it from facts. */
#ifndef BACKEND_UTIL_PROMISE_H
#define BACKEND_UTIL_PROMISE_H

#include "lockfs/status.h"

/* Where locks are written beside the memory of the process that keeps them. */
enum persistence {
	PERSISTENCE_UNKNOWN,
	PERSISTENCE_NONE,
	PERSISTENCE_SNAPSHOTS,  /* from time to time: what is newer than the last one is lost */
	PERSISTENCE_LOG,        /* an append-only file; how often it is synced is not known */
	PERSISTENCE_LOG_NO,     /* the same, synced when the kernel likes */
	PERSISTENCE_LOG_SECOND, /* the same, synced each second */
	PERSISTENCE_LOG_ALWAYS, /* the same, synced before the answer */
	PERSISTENCE_COUNT,
};

enum eviction {
	EVICTION_UNKNOWN,
	EVICTION_NEVER,  /* a full server refuses what needs memory */
	EVICTION_OF_KEYS,
};

/* All zero: nothing is known. */
struct promise_facts {
	bool in_daemon;        /* the locks are in this daemon, and there is no server */
	enum persistence persistence;
	enum eviction eviction;
	bool has_journal;      /* the daemon's locks outlive it in a file */
	bool reclaims;         /* mounts re-assert their holdings at a server that changed */
	int64_t replicas;      /* replicas in sync; STATUS_UNKNOWN: not known */
	int64_t replicas_asked; /* replicas that have each acquisition before it is answered */
};

/* What becomes of the locks at this risk. The texts live for ever. */
struct promise promise_of(const struct promise_facts *facts, enum risk risk);

/* A persistence in words, such as `append-only file, synced each second`. */
const char *persistence_word(enum persistence persistence);

#endif
