/*
 * What this mount knows of its server: what the server said last, since when it is connected or away, why the connection
 * was lost last, and whether another process answers than before.
 */
#ifndef BACKEND_REDIS_STATUS_SERVER_RECORD_H
#define BACKEND_REDIS_STATUS_SERVER_RECORD_H

#include "backend/redis/reply/server_info.h"
#include "backend/util/promise.h"
#include "lockfs/backend.h"

/* How the server syncs its append-only file, and whether it makes snapshots. CONFIG GET may be forbidden. */
struct server_settings {
	bool has_save;      /* `save` is known */
	bool makes_snapshots;
	enum persistence log; /* what an append-only file would be: PERSISTENCE_LOG and above */
};

/* A server process that answers now or did before. */
struct server_identity {
	char name[BACKEND_PROBLEM_MAX]; /* its address, for people; "" before the first connection */
	char version[SERVER_WORD_MAX];
	char run_id[SERVER_WORD_MAX];
	const char *product;
};

struct server_record {
	struct server_identity identity;
	struct server_info info;       /* as the server said last */
	struct server_settings settings;
	bool has_info;                 /* `info` is complete: the server was asked */
	bool up;
	int64_t connected_since_ms;    /* since the epoch, as all times here */
	int64_t away_since_ms;
	int64_t last_loss_ms;          /* STATUS_UNKNOWN: never */
	char away_cause[BACKEND_PROBLEM_MAX];
	char last_loss_cause[BACKEND_PROBLEM_MAX];
	int64_t round_trip_ns;         /* of the last question; STATUS_UNKNOWN: none was answered */
	int64_t clock_difference_ms;
	uint64_t failovers;            /* connections to another process than the one before */
	int64_t replicas_asked;        /* the mount option replicas=: replicas that have each acquisition before it is answered; 0: none */
	bool reclaims;                 /* mounts re-assert their holdings at a server that changed */
};

void server_record_init(struct server_record *record);

/*
 * The server `name` is connected; `info` is what it said meanwhile. Returns true, and a line for people with both names, if
 * it is another process than before.
 */
bool server_record_up(struct server_record *record, const char *name, const struct server_info *info,
                      char line[BACKEND_PROBLEM_MAX]);

/* The connection was lost, or an attempt to make it failed. */
void server_record_down(struct server_record *record, const char *problem);

/* The server answered a question that took `took_ns`. */
void server_record_learn(struct server_record *record, const struct server_reply *reply, const struct server_settings *settings,
                         int64_t took_ns);

struct promise_facts server_record_facts(const struct server_record *record);

/* Fills in what the record has. The texts are the record's own. */
void server_record_fill(const struct server_record *record, struct backend_status *ret);

#endif
