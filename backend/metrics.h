/*
 * A backend around another that counts its calls: by kind and outcome, and how long
 * they took. It also tells of those that the other failed.
 */
#ifndef BACKEND_METRICS_H
#define BACKEND_METRICS_H

#include "lockfs/backend.h"

enum call_kind {
	CALL_ACQUIRE,
	CALL_WAIT, /* an acquisition that waits */
	CALL_RELEASE,
	CALL_FORCE_RELEASE,
	CALL_REFRESH,
	CALL_BIND,
	CALL_READ,
	CALL_WATCH,
	CALL_WRITE,
	CALL_TRUNCATE,
	CALL_LIST,
	CALL_MAKE_DIR,
	CALL_REMOVE_DIR,
	CALL_CONFIGURE_DIR,
	CALL_KIND_COUNT,
};

/* Whoever is told how calls end, before their callers are. */
struct metrics_handlers {
	void (*answered)(void *ctx); /* one, in whatever way */
	void (*failed)(void *ctx, enum call_kind kind, const char *key, int status); /* and the backend could not do it */
	void *ctx;
};

/*
 * Wraps a backend, which is closed with it. NULL where there is no memory: then it
 * stays the caller's.
 */
struct backend *metrics_wrap(struct backend *inner, const struct metrics_handlers *owner);

/* A word for people and programs: `acquire`. */
const char *call_kind_name(enum call_kind kind);

#define METRICS_OUTCOMES 22
#define METRICS_BUCKETS 14

/* Calls of one kind that were answered. */
struct metrics_counts {
	uint64_t outcomes[METRICS_OUTCOMES]; /* by metrics_outcome_name() */
	uint64_t buckets[METRICS_BUCKETS];   /* by how long they took: up to metrics_bucket_us(), more than the one before */
	int64_t sum_ns;
};

/* Of the backend that metrics_wrap() made. */
const struct metrics_counts *metrics_counts(const struct backend *backend, enum call_kind kind);

/* `OK`, or the name of an errno; the last one is that of all others. */
const char *metrics_outcome_name(size_t outcome);

/* Microseconds; 0: without bound, the last. */
uint64_t metrics_bucket_us(size_t bucket);

#endif
