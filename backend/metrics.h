/*
 * A backend around another that counts its calls, by kind, outcome and time, and reports those at which the
 * other backend failed.
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
	CALL_SET_PERMISSIONS,
	CALL_BIND,
	CALL_READ,
	CALL_WATCH,
	CALL_WRITE,
	CALL_TRUNCATE,
	CALL_LIST,
	CALL_MAKE_DIR,
	CALL_REMOVE_DIR,
	CALL_CONFIGURE_DIR,
	CALL_STATUS,
	CALL_KIND_COUNT,
};

/* Callbacks that are called before a caller gets its answer. */
struct metrics_handlers {
	void (*answered)(void *ctx); /* a call was answered, with any status */
	void (*failed)(void *ctx, enum call_kind kind, const char *key, int status); /* the backend failed at a call */
	void *ctx;
};

/* Wraps `inner`, which is closed with it. Returns NULL if there is no memory; then `inner` is still the caller's. */
struct backend *metrics_wrap(struct backend *inner, const struct metrics_handlers *handlers);

/* Returns the name of a kind, such as `acquire`, for people and programs. */
const char *call_kind_name(enum call_kind kind);

#define METRICS_OUTCOMES 22
#define METRICS_BUCKETS 14

/* The answered calls of one kind. */
struct metrics_counts {
	uint64_t outcomes[METRICS_OUTCOMES]; /* number of calls by outcome; see metrics_outcome_name() */
	uint64_t buckets[METRICS_BUCKETS];   /* number of calls by time; see metrics_bucket_us() */
	int64_t sum_ns;                      /* time of all calls */
};

/* Returns the counts of a backend that metrics_wrap() made. */
const struct metrics_counts *metrics_counts(const struct backend *backend, enum call_kind kind);

/* Adds an answer to the counts. */
void metrics_count(struct metrics_counts *counts, int status, int64_t took_ns);

/* Returns `OK` or the name of an errno; `OTHER` for the last outcome, which stands for all others. */
const char *metrics_outcome_name(size_t outcome);

/* Returns the longest time of a bucket in us, which begins where the one before ends; 0: the last has no limit. */
uint64_t metrics_bucket_us(size_t bucket);

#endif
