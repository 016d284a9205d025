/*
 * A backend around another that counts its calls and takes their time.
 *
 * Each call is passed on with a callback of this file and a struct measure as its context; the callback
 * counts the answer, and passes it to the caller.
 */
#include "backend/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "backend/util/clock.h"

/* A call that is not answered yet. */
struct measure {
	struct metrics *metrics;
	enum call_kind kind;
	const char *key;
	int64_t begin_ns; /* CLOCK_BOOTTIME */
	union {
		backend_done *plain;
		backend_lock_done *lock;
		backend_entry_done *entry;
		backend_list_done *list;
		backend_status_done *status;
	} done;    /* the caller's callback */
	void *ctx; /* the caller's */
	struct acquisition *acquisition; /* NULL for other calls */
	struct measure *next; /* in the list of spare structs */
};

struct metrics {
	struct backend base;
	struct backend_ops ops; /* without those that `inner` does not have */
	struct backend *inner;
	struct metrics_handlers handlers;
	struct measure *spare; /* structs to be used again */
	struct metrics_counts counts[CALL_KIND_COUNT];
};

static struct metrics *metrics_of(struct backend *backend)
{
	return (struct metrics *)backend;
}

const struct metrics_counts *metrics_counts(const struct backend *backend, enum call_kind kind)
{
	return &((const struct metrics *)backend)->counts[kind];
}

/* Did the backend fail? Other errnos are answers, such as -EBUSY. */
static bool is_failure(int status)
{
	static const int failures[] = { -EHOSTDOWN, -ETIMEDOUT, -ENOMEM, -EACCES, -EROFS, -ENOSPC, -EIO };

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (status == failures[i])
			return true;
	return false;
}

/* Returns NULL if there is no memory. */
static struct measure *begin(struct backend *backend, enum call_kind kind, const char *key, void *ctx)
{
	struct metrics *metrics = metrics_of(backend);
	struct measure *measure = metrics->spare;

	if (measure)
		LL_DELETE(metrics->spare, measure);
	else
		measure = malloc(sizeof(*measure));
	if (!measure)
		return NULL;
	*measure = (struct measure){ .metrics = metrics, .kind = kind, .key = key, .ctx = ctx, .begin_ns = boot_ns() };
	return measure;
}

/* Counts the answer, and puts the struct on the list of spare ones. Returns it as it was. */
static struct measure end(struct measure *measure, int status)
{
	struct metrics *metrics = measure->metrics;
	struct measure ended = *measure;

	LL_PREPEND(metrics->spare, measure);
	metrics_count(&metrics->counts[ended.kind], status, boot_ns() - ended.begin_ns);
	metrics->handlers.answered(metrics->handlers.ctx);
	if (is_failure(status))
		metrics->handlers.failed(metrics->handlers.ctx, ended.kind, ended.key, status);
	return ended;
}

static void on_plain(void *ctx, int status)
{
	struct measure ended = end(ctx, status);

	ended.done.plain(ended.ctx, status);
}

static void on_lock(void *ctx, int status, const struct lock *lock)
{
	struct measure ended = end(ctx, status);

	ended.done.lock(ended.ctx, status, lock);
}

static void on_entry(void *ctx, int status, const struct entry *entry)
{
	struct measure ended = end(ctx, status);

	ended.done.entry(ended.ctx, status, entry);
}

static void on_status(void *ctx, int status, const struct backend_status *ret)
{
	struct measure ended = end(ctx, status);

	ended.done.status(ended.ctx, status, ret);
}

static void on_list(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct measure ended = end(listing->ctx, status);

	listing->done = ended.done.list;
	listing->ctx = ended.ctx;
	listing->done(listing, status, items, count);
}

static void on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct measure ended = end(ctx, status);
	struct acquisition *acquisition = ended.acquisition;

	acquisition->done = ended.done.lock;
	acquisition->ctx = ended.ctx;
	acquisition->done(acquisition->ctx, status, lock);
}

/* Calls that are answered later */

static void metrics_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct measure *measure = begin(backend, acquisition->waits ? CALL_WAIT : CALL_ACQUIRE, acquisition->key,
		acquisition->ctx);

	if (!measure) {
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
		return;
	}
	/* The caller lends its struct until the answer, and cancel() names it. */
	measure->acquisition = acquisition;
	measure->done.lock = acquisition->done;
	acquisition->done = on_acquired;
	acquisition->ctx = measure;
	backend_acquire(metrics_of(backend)->inner, acquisition);
}

static void metrics_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                            struct holding_match match, backend_done *done, void *ctx)
{
	struct measure *measure = begin(backend, claim ? CALL_RELEASE : CALL_FORCE_RELEASE, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM);
		return;
	}
	measure->done.plain = done;
	backend_release(metrics_of(backend)->inner, key, claim, match, on_plain, measure);
}

static void metrics_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                            struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_REFRESH, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.lock = done;
	backend_refresh(metrics_of(backend)->inner, key, claim, match, ttl_ms, modified_ms, on_lock, measure);
}

static void metrics_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim,
                                    struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_SET_PERMISSIONS, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.lock = done;
	backend_set_permissions(metrics_of(backend)->inner, key, claim, match, permissions, on_lock, measure);
}

static void metrics_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                         backend_lock_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_BIND, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.lock = done;
	backend_bind(metrics_of(backend)->inner, key, claim, token, on_lock, measure);
}

static void metrics_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_READ, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.entry = done;
	backend_read_as(metrics_of(backend)->inner, key, claim, match, on_entry, measure);
}

/* The server is not asked, so there is nothing to measure. */
static bool metrics_read_cached(struct backend *backend, const char *key, struct lock *ret)
{
	return backend_read_cached(metrics_of(backend)->inner, key, ret);
}

static void metrics_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_WATCH, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.entry = done;
	backend_watch(metrics_of(backend)->inner, key, token, on_entry, measure);
}

static void metrics_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data,
                          size_t size, backend_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_WRITE, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM);
		return;
	}
	measure->done.plain = done;
	backend_write(metrics_of(backend)->inner, key, token, offset, data, size, on_plain, measure);
}

static void metrics_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                             struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_TRUNCATE, key, ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.lock = done;
	backend_truncate(metrics_of(backend)->inner, key, claim, match, size, on_lock, measure);
}

/* Each page is a call. */
static void metrics_list(struct backend *backend, struct listing *listing)
{
	struct measure *measure = begin(backend, CALL_LIST, listing->path, listing->ctx);

	if (!measure) {
		backend_list_end(metrics_of(backend)->inner, listing);
		listing->more = false;
		listing->done(listing, -ENOMEM, NULL, 0);
		return;
	}
	/* The caller lends its struct until the answer. */
	measure->done.list = listing->done;
	listing->done = on_list;
	listing->ctx = measure;
	backend_list(metrics_of(backend)->inner, listing);
}

static void metrics_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                             backend_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_MAKE_DIR, path, ctx);

	if (!measure) {
		done(ctx, -ENOMEM);
		return;
	}
	measure->done.plain = done;
	backend_make_dir(metrics_of(backend)->inner, path, info, on_plain, measure);
}

static void metrics_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_REMOVE_DIR, path, ctx);

	if (!measure) {
		done(ctx, -ENOMEM);
		return;
	}
	measure->done.plain = done;
	backend_remove_dir(metrics_of(backend)->inner, path, on_plain, measure);
}

static void metrics_configure_dir(struct backend *backend, const char *path, unsigned int which,
                                  const struct dir_info *info, backend_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_CONFIGURE_DIR, path, ctx);

	if (!measure) {
		done(ctx, -ENOMEM);
		return;
	}
	measure->done.plain = done;
	backend_configure_dir(metrics_of(backend)->inner, path, which, info, on_plain, measure);
}

static void metrics_status(struct backend *backend, backend_status_done *done, void *ctx)
{
	struct measure *measure = begin(backend, CALL_STATUS, "", ctx);

	if (!measure) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	measure->done.status = done;
	backend_status(metrics_of(backend)->inner, on_status, measure);
}

/* Calls that are only passed on */

static void metrics_start(struct backend *backend, backend_started *started, void *ctx)
{
	backend_start(metrics_of(backend)->inner, started, ctx);
}

static void metrics_close(struct backend *backend)
{
	struct metrics *metrics = metrics_of(backend);
	struct measure *measure, *next;

	/* Answers all calls that are under way. */
	backend_close(metrics->inner);
	LL_FOREACH_SAFE(metrics->spare, measure, next)
		free(measure);
	free(metrics);
}

static void metrics_forget(struct backend *backend)
{
	backend_forget(metrics_of(backend)->inner);
}

static void metrics_cancel(struct backend *backend, struct acquisition *acquisition)
{
	backend_cancel(metrics_of(backend)->inner, acquisition);
}

static void metrics_list_end(struct backend *backend, struct listing *listing)
{
	backend_list_end(metrics_of(backend)->inner, listing);
}

static bool metrics_listen(struct backend *backend, enum listen_extent extent)
{
	return backend_listen(metrics_of(backend)->inner, extent);
}

static void metrics_publish(struct backend *backend, enum lock_event_kind kind, const char *key,
                            struct holding_match match)
{
	backend_publish(metrics_of(backend)->inner, kind, key, match);
}

static void metrics_give_back(struct backend *backend, const char *key, uint64_t token)
{
	backend_give_back(metrics_of(backend)->inner, key, token);
}

static void metrics_stats(struct backend *backend, struct backend_stats *ret)
{
	backend_stats(metrics_of(backend)->inner, ret);
}

static const struct backend_ops metrics_ops = {
	.start = metrics_start,
	.close = metrics_close,
	.forget = metrics_forget,
	.acquire = metrics_acquire,
	.cancel = metrics_cancel,
	.release = metrics_release,
	.give_back = metrics_give_back,
	.refresh = metrics_refresh,
	.set_permissions = metrics_set_permissions,
	.bind = metrics_bind,
	.listen = metrics_listen,
	.publish = metrics_publish,
	.stats = metrics_stats,
	.status = metrics_status,
	.read_cached = metrics_read_cached,
	.read = metrics_read,
	.watch = metrics_watch,
	.write = metrics_write,
	.truncate = metrics_truncate,
	.list = metrics_list,
	.list_end = metrics_list_end,
	.make_dir = metrics_make_dir,
	.remove_dir = metrics_remove_dir,
	.configure_dir = metrics_configure_dir,
};

struct backend *metrics_wrap(struct backend *inner, const struct metrics_handlers *handlers)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->ops = metrics_ops;
	if (!inner->ops->watch)
		metrics->ops.watch = NULL;
	metrics->base.ops = &metrics->ops;
	metrics->inner = inner;
	metrics->handlers = *handlers;
	return &metrics->base;
}
