/*
 * What a backend says about itself for `.status`: which server keeps the locks, what state it is in, and which promises of
 * the manual it can keep. fs/ops/status_text.c prints it.
 */
#ifndef LOCKFS_STATUS_H
#define LOCKFS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number or time that is not known. */
#define STATUS_UNKNOWN INT64_MIN

/* Memory that is left, if the server has no limit. */
#define STATUS_UNLIMITED INT64_MAX

/* What can happen to the locks of a namespace. */
enum risk {
	RISK_RESTART,     /* the server, or for `memory:` the daemon, ends and starts again */
	RISK_FAILOVER,    /* a replica takes the place of the server */
	RISK_MEMORY_FULL, /* the server has no memory left */
	RISK_COUNT,
};

/* What becomes of the locks then. */
struct promise {
	const char *word;   /* `kept`, `reclaimed`, `lost`, or `unknown` */
	const char *reason; /* goes on after "because" */
};

/* Another mount of the namespace. Its texts come from that mount, so they can have any bytes but NUL. */
struct status_mount {
	const char *host;
	const char *place;   /* its mount point */
	const char *version; /* of its lockfs */
};

/*
 * Texts are NULL if they are not known. What a server said is from the last time that it answered. Times are in ms since
 * the epoch.
 */
struct backend_status {
	const char *source;            /* SOURCE without user and password */
	bool up;                       /* the server answered now */
	int64_t away_since_ms;         /* while not `up` */
	const char *away_cause;        /* while not `up`: the problem of the last attempt to reach it */
	const char *server;            /* `Redis`, `Valkey`, or `lockfs` for locks in this daemon */
	const char *server_version;
	const char *process;           /* what the server calls its process: run_id; NULL for `memory:` */
	const char *role;              /* `primary` or `replica` */
	int64_t replicas_in_sync;
	int64_t replicas_asked;        /* replicas that an acquisition waits for */
	const char *persistence;       /* in words */
	const char *eviction_policy;   /* maxmemory-policy */
	int64_t memory_left;           /* bytes, or STATUS_UNLIMITED */
	int64_t round_trip_ns;         /* of the question that this answers */
	int64_t clock_difference_ms;   /* the server's clock less that of this host */
	int64_t connected_since_ms;
	int64_t last_loss_ms;          /* when the connection was lost last; STATUS_UNKNOWN: never */
	const char *last_loss_cause;
	int64_t grace_left_ms;         /* 0: no grace is running */
	struct promise promises[RISK_COUNT];
	const struct status_mount *mounts; /* the other mounts of the namespace that answered */
	size_t mount_count;
	int64_t mounts_silent;         /* mounts that did not answer in time; STATUS_UNKNOWN: nobody could be asked */
};

/* `status` is 0, -ENOMEM or -ESHUTDOWN; `ret` is NULL unless it is 0. */
typedef void backend_status_done(void *ctx, int status, const struct backend_status *ret);

#endif
