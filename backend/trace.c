/*
 * A backend around another that tells each call, with its answer and the time that it took.
 *
 * The arguments are put into words when the call is made, and told with the answer, so that a line
 * is whole. Only an acquisition that may wait is told twice: when it is made, and when it is answered.
 * The trace changes no answer: a call for which there is no memory is passed on untold.
 */
#include "backend/trace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "backend/trace_call.h"
#include "backend/util/trace_line.h"
#include "lockfs/backend.h"

struct trace {
	struct backend base;
	struct backend_ops ops; /* without those that `inner` does not have */
	struct backend *inner;
	struct trace_output output;
};

static struct trace *trace_of(struct backend *backend)
{
	return (struct trace *)backend;
}

static struct backend *inner_of(struct backend *backend)
{
	return trace_of(backend)->inner;
}

static const struct trace_output *output_of(struct backend *backend)
{
	return &trace_of(backend)->output;
}

/* Calls that are answered later */

static void trace_start(struct backend *backend, backend_started *started, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "start", NULL, ctx);

	if (call)
		call->done.started = started;
	backend_start(inner_of(backend), call ? trace_call_on_started : started, call ? call : ctx);
}

static void trace_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "acquire", acquisition->key, acquisition->ctx);

	if (!call) {
		backend_acquire(inner_of(backend), acquisition);
		return;
	}
	trace_add_claim(&call->line, &acquisition->holder.claim);
	trace_add(&call->line, " pid=%d", (int)acquisition->holder.pid);
	trace_add_lease(&call->line, "ttl", acquisition->ttl_ms);
	if (acquisition->form != FORM_FILE)
		trace_add(&call->line, " %s", lock_form_word(acquisition->form));
	if (acquisition->source) {
		trace_add(&call->line, acquisition->moves ? " moves=" : " links=");
		trace_add_key(&call->line, acquisition->source);
		trace_add_match(&call->line, acquisition->source_match);
	}
	if (acquisition->replaces)
		trace_add(&call->line, " replaces=%" PRIu64, acquisition->replaces);
	trace_add(&call->line, "%s%s%s%s", acquisition->mode == LOCK_SHARED ? " shared" : "", acquisition->bound ? " bound" : "",
		acquisition->exclusive_even_for_me ? " exclusive_even_for_me" : "", acquisition->waits ? " waits" : "");
	if (acquisition->waits)
		trace_put(output_of(backend), &call->line);
	/* The caller lends its struct until the answer, and cancel() names it. */
	call->acquisition = acquisition;
	call->done.lock = acquisition->done;
	acquisition->done = trace_call_on_acquired;
	acquisition->ctx = call;
	backend_acquire(inner_of(backend), acquisition);
}

static void trace_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, backend_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), claim ? "release" : "force_release", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add_match(&call->line, match);
		call->done.plain = done;
	}
	backend_release(inner_of(backend), key, claim, match, call ? trace_call_on_done : done, call ? call : ctx);
}

static void trace_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "refresh", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add_match(&call->line, match);
		if (ttl_ms != LEASE_UNSET)
			trace_add_lease(&call->line, "ttl", ttl_ms);
		if (modified_ms != TIME_UNSET)
			trace_add(&call->line, " modified=%" PRId64, modified_ms);
		call->done.lock = done;
	}
	backend_refresh(inner_of(backend), key, claim, match, ttl_ms, modified_ms, call ? trace_call_on_lock : done, call ? call : ctx);
}

static void trace_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim,
                                  struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "set_permissions", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add_match(&call->line, match);
		trace_add(&call->line, " permissions=%04o", (unsigned int)permissions);
		call->done.lock = done;
	}
	backend_set_permissions(inner_of(backend), key, claim, match, permissions, call ? trace_call_on_lock : done,
		call ? call : ctx);
}

static void trace_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                       backend_lock_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "bind", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add(&call->line, " token=%" PRIu64, token);
		call->done.lock = done;
	}
	backend_bind(inner_of(backend), key, claim, token, call ? trace_call_on_lock : done, call ? call : ctx);
}

static void trace_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "read", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add_match(&call->line, match);
		call->done.entry = done;
	}
	backend_read_as(inner_of(backend), key, claim, match, call ? trace_call_on_entry : done, call ? call : ctx);
}

static void trace_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "watch", key, ctx);

	if (call) {
		trace_add(&call->line, " token=%" PRIu64, token);
		call->done.entry = done;
	}
	backend_watch(inner_of(backend), key, token, call ? trace_call_on_entry : done, call ? call : ctx);
}

static void trace_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data,
                        size_t size, backend_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "write", key, ctx);

	if (call) {
		trace_add(&call->line, " token=%" PRIu64, token);
		if (offset < 0)
			trace_add(&call->line, " offset=end size=%zu", size);
		else
			trace_add(&call->line, " offset=%jd size=%zu", (intmax_t)offset, size);
		call->done.plain = done;
	}
	backend_write(inner_of(backend), key, token, offset, data, size, call ? trace_call_on_done : done, call ? call : ctx);
}

static void trace_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "truncate", key, ctx);

	if (call) {
		trace_add_claim(&call->line, claim);
		trace_add_match(&call->line, match);
		trace_add(&call->line, " size=%jd", (intmax_t)size);
		call->done.lock = done;
	}
	backend_truncate(inner_of(backend), key, claim, match, size, call ? trace_call_on_lock : done, call ? call : ctx);
}

/* Each page is a call. */
static void trace_list(struct backend *backend, struct listing *listing)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "list", listing->path, listing->ctx);

	if (!call) {
		backend_list(inner_of(backend), listing);
		return;
	}
	call->done.list = listing->done;
	listing->done = trace_call_on_list;
	listing->ctx = call;
	backend_list(inner_of(backend), listing);
}

static void trace_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                           backend_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "make_dir", path, ctx);

	if (call) {
		trace_add_dir_info(&call->line, DIR_MODE | DIR_UID | DIR_GID, info);
		call->done.plain = done;
	}
	backend_make_dir(inner_of(backend), path, info, call ? trace_call_on_done : done, call ? call : ctx);
}

static void trace_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "remove_dir", path, ctx);

	if (call)
		call->done.plain = done;
	backend_remove_dir(inner_of(backend), path, call ? trace_call_on_done : done, call ? call : ctx);
}

static void trace_configure_dir(struct backend *backend, const char *path, unsigned int which,
                                const struct dir_info *info, backend_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "configure_dir", path, ctx);

	if (call) {
		trace_add_dir_info(&call->line, which, info);
		call->done.plain = done;
	}
	backend_configure_dir(inner_of(backend), path, which, info, call ? trace_call_on_done : done, call ? call : ctx);
}

static void trace_status(struct backend *backend, backend_status_done *done, void *ctx)
{
	struct trace_call *call = trace_call_begin(output_of(backend), "status", NULL, ctx);

	if (call)
		call->done.status = done;
	backend_status(inner_of(backend), call ? trace_call_on_status : done, call ? call : ctx);
}

/* Calls that are answered when they return, or not at all */

static void trace_close(struct backend *backend)
{
	struct trace_line line = trace_line_begin("close", NULL);

	trace_put(output_of(backend), &line);
	/* Answers all calls that are under way. */
	backend_close(inner_of(backend));
	free(trace_of(backend));
}

static void trace_cancel(struct backend *backend, struct acquisition *acquisition)
{
	struct trace_line line = trace_line_begin("cancel", acquisition->key);

	trace_add_claim(&line, &acquisition->holder.claim);
	trace_put(output_of(backend), &line);
	backend_cancel(inner_of(backend), acquisition);
}

static void trace_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct trace_line line = trace_line_begin("give_back", key);

	trace_add(&line, " token=%" PRIu64, token);
	trace_put(output_of(backend), &line);
	backend_give_back(inner_of(backend), key, token);
}

static bool trace_listen(struct backend *backend, enum listen_extent extent)
{
	static const char *const extents[] = {
		[LISTEN_NOT] = "not", [LISTEN_EVENTS] = "events", [LISTEN_ALL] = "all",
	};
	struct trace_line line = trace_line_begin("listen", NULL);
	bool is_listening = backend_listen(inner_of(backend), extent);

	trace_add(&line, " %s -> %s", extents[extent], is_listening ? "listening" : "not yet");
	trace_put(output_of(backend), &line);
	return is_listening;
}

static void trace_publish(struct backend *backend, enum lock_event_kind kind, const char *key,
                          struct holding_match match)
{
	struct trace_line line = trace_line_begin("publish", key);

	trace_add(&line, " %s", kind == EVENT_ACQUIRED ? "ACQUIRED" : kind == EVENT_UNAVAILABLE ? "UNAVAILABLE" :
		"FAILED_REFRESH");
	trace_add_match(&line, match);
	trace_put(output_of(backend), &line);
	backend_publish(inner_of(backend), kind, key, match);
}

static bool trace_read_cached(struct backend *backend, const char *key, struct lock *ret)
{
	struct trace_line line = trace_line_begin("read_cached", key);
	bool is_cached = backend_read_cached(inner_of(backend), key, ret);

	trace_add(&line, " -> %s", is_cached ? "OK" : "not cached");
	if (is_cached)
		trace_add_lock(&line, ret);
	trace_put(output_of(backend), &line);
	return is_cached;
}

/* Nothing is asked and no lock changes, so these are not told. */

static void trace_forget(struct backend *backend)
{
	backend_forget(inner_of(backend));
}

static void trace_stats(struct backend *backend, struct backend_stats *ret)
{
	backend_stats(inner_of(backend), ret);
}

static void trace_list_end(struct backend *backend, struct listing *listing)
{
	backend_list_end(inner_of(backend), listing);
}

static const struct backend_ops trace_ops = {
	.start = trace_start,
	.close = trace_close,
	.forget = trace_forget,
	.acquire = trace_acquire,
	.cancel = trace_cancel,
	.release = trace_release,
	.give_back = trace_give_back,
	.refresh = trace_refresh,
	.set_permissions = trace_set_permissions,
	.bind = trace_bind,
	.listen = trace_listen,
	.publish = trace_publish,
	.watch = trace_watch,
	.stats = trace_stats,
	.status = trace_status,
	.read_cached = trace_read_cached,
	.read = trace_read,
	.write = trace_write,
	.truncate = trace_truncate,
	.list = trace_list,
	.list_end = trace_list_end,
	.make_dir = trace_make_dir,
	.remove_dir = trace_remove_dir,
	.configure_dir = trace_configure_dir,
};

struct backend *trace_wrap(struct backend *inner, const struct backend_config *config)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return NULL;
	trace->ops = trace_ops;
	/* Those that a backend need not have mean something by their absence. */
	if (!inner->ops->watch)
		trace->ops.watch = NULL;
	if (!inner->ops->read_cached)
		trace->ops.read_cached = NULL;
	trace->base.ops = &trace->ops;
	trace->inner = inner;
	trace->output = (struct trace_output){ .on_trace = config->on_trace, .ctx = config->ctx };
	return &trace->base;
}
