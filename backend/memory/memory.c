/*
 * The backend of `memory:`: locks inside the daemon. This file opens and closes it, and has its table of
 * calls, events and figures.
 *
 * Every call is answered before it returns, except an acquisition that waits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/memory/journal/restore.h"
#include "backend/memory/memory_internal.h"
#include "backend/registry.h"
#include "backend/util/clock.h"
#include "backend/util/promise.h"

static bool memory_listen(struct backend *backend, enum listen_extent extent)
{
	memory_of(backend)->is_listening = extent != LISTEN_NOT;
	return true;
}

/* Publishes that the directory of a free key has no room, if that is so. */
static void publish_full(struct memory_backend *memory, const char *key)
{
	struct mem_dir *dir;

	if (tree_find_parent(&memory->tree, key, &dir) == 0 && !room_admits(dir, NULL))
		memory_publish_event(memory, EVENT_FULL, dir->entry.path, NULL);
}

static void memory_publish(struct backend *backend, enum lock_event_kind kind, const char *key,
                           struct holding_match match)
{
	struct memory_backend *memory = memory_of(backend);
	struct mem_holding *holding = NULL;
	int err;

	memory_expire_due(memory);
	err = memory_find_holding(memory, key, NULL, match, &holding);
	if (err == 0 || (err == -ENOENT && kind == EVENT_FAILED_REFRESH))
		memory_publish_event(memory, kind, key, holding);
	else if (err == -ENOENT && kind == EVENT_UNAVAILABLE && match.any)
		publish_full(memory, key);
}

static void memory_stats(struct backend *backend, struct backend_stats *ret)
{
	struct memory_backend *memory = memory_of(backend);
	const struct mem_queue *queue;

	memory_expire_due(memory);
	*ret = (struct backend_stats){ .up = true, .locks = memory->lock_count, .replicas_in_sync = -1 };
	DL_FOREACH(memory->queues.all, queue)
		ret->waiting_keys++;
}

static void memory_status(struct backend *backend, backend_status_done *done, void *ctx)
{
	const struct promise_facts facts = { .in_daemon = true, .has_journal = journal_is_written(memory_of(backend)->journal), .persistence = PERSISTENCE_NONE, .eviction = EVICTION_NEVER };
	struct backend_status status = {
		.source = "memory:",
		.up = true,
		.away_since_ms = STATUS_UNKNOWN,
		.server = "lockfs",
		.server_version = LOCKFS_VERSION,
		.role = "primary",
		.persistence = facts.has_journal ? "journal" : persistence_word(facts.persistence),
		.eviction_policy = "none",
		.memory_left = STATUS_UNKNOWN, /* each user has a limit, and no mount has one */
		.last_loss_ms = STATUS_UNKNOWN,
		.connected_since_ms = memory_of(backend)->opened_ms,
	};

	for (enum risk risk = 0; risk < RISK_COUNT; risk++)
		status.promises[risk] = promise_of(&facts, risk);
	done(ctx, 0, &status);
}

/* Opening and closing */

static void on_closed(uv_handle_t *handle)
{
	free(memory_of_leases(handle->data));
}

static struct quota quota_of(const struct backend_config *config)
{
	return (struct quota){
		.most = config->user_memory,
		.self = geteuid(),
		.error = -ENOSPC,
		.what = "bytes of locks and directories",
		.option = "user_memory",
		.on_full = config->on_notice,
		.ctx = config->ctx,
	};
}

/* Sets up a backend that is all zero. Returns 0, or a negative errno and it can be freed. */
static int set_up(struct memory_backend *memory, const struct backend_config *config)
{
	int err = tree_init(&memory->tree);

	if (err == 0)
		err = journal_new(config, &memory->tree, &memory->last_token, &memory->journal);
	if (err < 0)
		goto fail;
	err = deadlines_init(&memory->leases, config->loop, memory_on_lease_due);
	if (err < 0)
		goto fail;
	memory->tree.quota = quota_of(config);
	memory->base.ops = &memory_backend_ops;
	memory->on_event = config->on_event;
	memory->on_ended = config->on_ended;
	memory->ctx = config->ctx;
	memory->opened_ms = epoch_ns() / NS_PER_MS;
	return 0;
fail:
	journal_close(memory->journal, false);
	tree_free(&memory->tree);
	return err;
}

static int memory_open(const struct backend_config *config, struct backend **ret,
                       char problem[BACKEND_PROBLEM_MAX])
{
	struct memory_backend *memory;
	int err;

	if (strcmp(config->source, "memory:") != 0) {
		snprintf(problem, BACKEND_PROBLEM_MAX,
			"the SOURCE of locks in memory is 'memory:', with nothing after the colon");
		return -EINVAL;
	}
	memory = calloc(1, sizeof(*memory));
	err = memory ? set_up(memory, config) : -ENOMEM;
	if (err < 0) {
		snprintf(problem, BACKEND_PROBLEM_MAX, "cannot set up locks in memory: %s", strerror(-err));
		free(memory);
		return err;
	}
	*ret = &memory->base;
	return 0;
}

static int take_over(void *ctx, struct image_reader *reader)
{
	return memory_restore(ctx, reader);
}

static void memory_start(struct backend *backend, backend_started *started, void *ctx)
{
	struct memory_backend *memory = memory_of(backend);
	const struct journal_handlers handlers = {
		.restore = take_over,
		.started = started,
		.ctx = memory,
		.started_ctx = ctx,
	};

	if (memory->journal)
		journal_start(memory->journal, &handlers);
	else
		started(ctx, 0, NULL);
}

static void memory_forget(struct backend *backend)
{
	memory_of(backend)->forgets = true;
}

static void memory_close(struct backend *backend)
{
	struct memory_backend *memory = memory_of(backend);

	while (memory->queues.all) {
		struct mem_waiter *first = memory->queues.all->waiters;
		struct acquisition *acquisition = first->acquisition;

		queue_leave(&memory->queues, first);
		acquisition->done(acquisition->ctx, -ESHUTDOWN, NULL);
	}
	journal_close(memory->journal, memory->forgets);
	tree_free(&memory->tree);
	deadlines_close(&memory->leases, on_closed);
}

static const char *const schemes[] = { "memory", NULL };

const struct backend_ops memory_backend_ops = {
	.schemes = schemes,
	.open = memory_open,
	.start = memory_start,
	.close = memory_close,
	.forget = memory_forget,
	.acquire = memory_acquire,
	.cancel = memory_cancel,
	.release = memory_release,
	.give_back = memory_give_back,
	.refresh = memory_refresh,
	.set_permissions = memory_set_permissions,
	.bind = memory_bind,
	.listen = memory_listen,
	.publish = memory_publish,
	.stats = memory_stats,
	.status = memory_status,
	.read = memory_read,
	.write = memory_write,
	.truncate = memory_truncate,
	.list = memory_list,
	.list_end = memory_list_end,
	.make_dir = memory_make_dir,
	.remove_dir = memory_remove_dir,
	.configure_dir = memory_configure_dir,
};
