/* Traced calls that are not answered yet, and the callbacks that tell their answers. */
#include "backend/trace_call.h"

#include <stdlib.h>

#include "backend/util/clock.h"

struct trace_line trace_line_begin(const char *operation, const char *key)
{
	struct trace_line line = { .length = 0 };

	trace_add(&line, "%s", operation);
	if (key)
		trace_add_key(&line, key);
	return line;
}

void trace_put(const struct trace_output *output, const struct trace_line *line)
{
	output->on_trace(output->ctx, line->text);
}

struct trace_call *trace_call_begin(const struct trace_output *output, const char *operation, const char *key,
                                    void *ctx)
{
	struct trace_call *call = malloc(sizeof(*call));

	if (!call)
		return NULL;
	call->output = output;
	call->line = trace_line_begin(operation, key);
	call->begin_ns = boot_ns();
	call->ctx = ctx;
	call->acquisition = NULL;
	return call;
}

static struct trace_line answer_line(const struct trace_call *call, int status)
{
	struct trace_line line = call->line;

	trace_add_status(&line, status);
	return line;
}

/* Tells the answer, and frees the call. Returns the call as it was. */
static struct trace_call end(struct trace_call *call, struct trace_line *line)
{
	struct trace_call ended = *call;

	trace_add(line, " %.3f ms", (double)(boot_ns() - ended.begin_ns) / NS_PER_MS);
	trace_put(ended.output, line);
	free(call);
	return ended;
}

void trace_call_on_started(void *ctx, int status, const char *problem)
{
	struct trace_line line = answer_line(ctx, status);
	struct trace_call ended = end(ctx, &line);

	ended.done.started(ended.ctx, status, problem);
}

void trace_call_on_done(void *ctx, int status)
{
	struct trace_line line = answer_line(ctx, status);
	struct trace_call ended = end(ctx, &line);

	ended.done.plain(ended.ctx, status);
}

static struct trace_call end_with_lock(struct trace_call *call, int status, const struct lock *lock)
{
	struct trace_line line = answer_line(call, status);

	if (lock)
		trace_add_lock(&line, lock);
	return end(call, &line);
}

void trace_call_on_lock(void *ctx, int status, const struct lock *lock)
{
	struct trace_call ended = end_with_lock(ctx, status, lock);

	ended.done.lock(ended.ctx, status, lock);
}

void trace_call_on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct trace_call ended = end_with_lock(ctx, status, lock);
	struct acquisition *acquisition = ended.acquisition;

	acquisition->done = ended.done.lock;
	acquisition->ctx = ended.ctx;
	acquisition->done(acquisition->ctx, status, lock);
}

void trace_call_on_entry(void *ctx, int status, const struct entry *entry)
{
	struct trace_line line = answer_line(ctx, status);
	struct trace_call ended;

	if (status == 0 && entry->kind == ENTRY_LOCK)
		trace_add_lock(&line, &entry->lock);
	else if (status == 0)
		trace_add_dir_info(&line, DIR_MODE | DIR_UID | DIR_GID | DIR_DEFAULT_TTL | DIR_LIMIT, &entry->dir);
	ended = end(ctx, &line);
	ended.done.entry(ended.ctx, status, entry);
}

void trace_call_on_status(void *ctx, int status, const struct backend_status *ret)
{
	struct trace_line line = answer_line(ctx, status);
	struct trace_call ended;

	if (status == 0)
		trace_add(&line, " %s mounts=%zu", ret->up ? "up" : "away", ret->mount_count);
	ended = end(ctx, &line);
	ended.done.status(ended.ctx, status, ret);
}

void trace_call_on_list(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct trace_line line = answer_line(listing->ctx, status);
	struct trace_call ended;

	if (status == 0)
		trace_add(&line, " names=%zu%s", count, listing->more ? " more" : "");
	ended = end(listing->ctx, &line);
	listing->done = ended.done.list;
	listing->ctx = ended.ctx;
	listing->done(listing, status, items, count);
}
