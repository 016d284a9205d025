/*
 * A traced call that is not answered yet: it keeps the call in words, and stands between the
 * backend and the caller's callback, so that the answer is told before the caller gets it.
 */
#ifndef BACKEND_TRACE_CALL_H
#define BACKEND_TRACE_CALL_H

#include "backend/util/trace_line.h"
#include "lockfs/backend.h"

/* Where lines of the trace go. */
struct trace_output {
	void (*on_trace)(void *ctx, const char *line);
	void *ctx;
};

struct trace_call {
	const struct trace_output *output;
	struct trace_line line; /* the call in words */
	int64_t begin_ns;       /* CLOCK_BOOTTIME */
	union {
		backend_started *started;
		backend_done *plain;
		backend_lock_done *lock;
		backend_entry_done *entry;
		backend_list_done *list;
		backend_status_done *status;
	} done;    /* the caller's callback */
	void *ctx; /* the caller's */
	struct acquisition *acquisition; /* NULL for other calls */
};

/* The beginning of a line; `key` may be NULL. */
struct trace_line trace_line_begin(const char *operation, const char *key);

void trace_put(const struct trace_output *output, const struct trace_line *line);

/* Returns NULL if there is no memory: then the call is made without being traced. */
struct trace_call *trace_call_begin(const struct trace_output *output, const char *operation, const char *key,
                                    void *ctx);

/* Callbacks for the backend, with the struct trace_call as `ctx`, which they free. */
void trace_call_on_started(void *ctx, int status, const char *problem);
void trace_call_on_done(void *ctx, int status);
void trace_call_on_lock(void *ctx, int status, const struct lock *lock);
void trace_call_on_entry(void *ctx, int status, const struct entry *entry);
void trace_call_on_status(void *ctx, int status, const struct backend_status *ret);

/* These two give the struct that the caller lent back as it was. */
void trace_call_on_acquired(void *ctx, int status, const struct lock *lock);
void trace_call_on_list(struct listing *listing, int status, const struct list_item *items, size_t count);

#endif
