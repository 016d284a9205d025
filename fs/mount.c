/*
 * Allocates and starts the parts of a mount, and distributes the callbacks of the backend to them. The parts know each
 * other only through the pointers that are set here, so that none of them includes mount.h.
 */
#include "fs/mount.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/metrics.h"
#include "backend/util/clock.h"
#include "backend/util/quota.h"
#include "fs/caller/caller.h"
#include "fs/caller/permission.h"
#include "fs/caller/posix_session.h"
#include "fs/caller/signal_recipient.h"
#include "fs/events/event_gate.h"
#include "fs/events/event_stream.h"
#include "fs/holdings/event_interest.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/pending_request.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/kernel/busy_poll.h"
#include "fs/kernel/notifier.h"
#include "fs/kernel/request_timeout.h"
#include "fs/listing/dir_reads.h"
#include "fs/listing/lock_walk.h"
#include "fs/listing/dir_stream.h"
#include "fs/names/node.h"
#include "fs/names/stale_retry.h"
#include "fs/options.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"

/* A mount and its parts, in one allocation. */
struct mount_parts {
	struct mount mount; /* first, so that freeing it frees all */
	struct node_table nodes;
	struct notifier notifier;
	struct inotify_watches inotify;
	struct holdings holdings;
	struct lock_files lock_files;
	struct waiters waiters;
	struct pending_requests pending;
	struct busy_poll busy_poll;
	struct event_interest event_interest;
	struct event_streams streams;
	struct dir_reads dir_reads;
	struct lock_walks lock_walks;
	struct callers callers;
	struct stale_retries retries;
	struct signal_recipients recipients;
	struct reserve reserve;
	struct quota streams_quota;
	struct quota listings_quota;
};

static struct mount *allocate(const struct options *options)
{
	struct mount_parts *parts = calloc(1, sizeof(*parts));

	if (!parts)
		return NULL;
	parts->mount = (struct mount){
		.options = options,
		.nodes = &parts->nodes,
		.notifier = &parts->notifier,
		.inotify = &parts->inotify,
		.holdings = &parts->holdings,
		.lock_files = &parts->lock_files,
		.waiters = &parts->waiters,
		.pending = &parts->pending,
		.busy_poll = &parts->busy_poll,
		.event_interest = &parts->event_interest,
		.streams = &parts->streams,
		.dir_reads = &parts->dir_reads,
		.lock_walks = &parts->lock_walks,
		.callers = &parts->callers,
		.retries = &parts->retries,
		.recipients = &parts->recipients,
		.reserve = &parts->reserve,
		.streams_quota = &parts->streams_quota,
		.listings_quota = &parts->listings_quota,
		.current_uid = BACKEND_NOBODY,
		.mounted_ms = epoch_ns() / NS_PER_MS,
	};
	return &parts->mount;
}

/* Nodes that the daemon keeps for the kernel, of all users together: about 40 MB. */
#define NAMES_MAX 65536

/* 60 s between log lines about one user, who may reach and leave a limit many times a second. */
#define LOG_PAUSE_NS (60 * NS_PER_S)

/* The limit of each user; `what` names the resource in log lines, as the manual does. */
static struct quota user_quota(size_t most, int error, const char *what, const char *option)
{
	return (struct quota){
		.most = most,
		.self = geteuid(),
		.error = error,
		.what = what,
		.option = option,
		.pause_ns = LOG_PAUSE_NS,
		.on_full = mount_on_notice,
	};
}

/* A user who had all descriptors would keep others from every lock with signal=, so no option allows more than half. */
static void limit_recipients(struct signal_recipients *recipients)
{
	struct quota *quota = &recipients->quota;
	size_t most = signal_recipients_most(recipients);

	if (quota->most > 0 && quota->most <= most)
		return;
	quota->most = most;
	quota->advice = "It is half of what the limit of open files of this daemon allows: raise that";
}

static void set_quotas(struct mount *mount)
{
	mount->waiters->min_interval_ms = mount->options->min_interval_ms;
	mount->nodes->known.user_most = mount->options->user_names;
	mount->nodes->known.most = NAMES_MAX;
	mount->nodes->known.self = geteuid();
	mount->nodes->known.on_full = mount_on_notice;
	mount->waiters->quota = user_quota(mount->options->user_waiters, -ENOLCK,
		"calls that wait for locks", "user_waiters");
	*mount->streams_quota = user_quota(mount->options->user_streams, -EMFILE,
		"open directories and streams", "user_streams");
	mount->lock_files->quota = user_quota(mount->options->user_files, -EMFILE, "open lock files", "user_files");
	*mount->listings_quota = user_quota(mount->options->user_listings, -ENOMEM,
		"bytes of names in open directories", "user_listings");
	mount->recipients->quota = user_quota(mount->options->user_signals, -EMFILE,
		"processes that signal= is for", "user_signals");
	limit_recipients(mount->recipients);
	mount->holdings->renewals_quota = user_quota(mount->options->user_renewals, -ENOLCK,
		"renewals of bound locks a minute", "user_renewals");
}

static int init_parts(struct mount *mount, uv_loop_t *loop)
{
	const struct options *options = mount->options;
	int64_t limit_ms = request_timeout_ms();
	int err = reserve_init(mount->reserve);

	if (err < 0)
		return err;
	err = node_table_init(mount->nodes);
	if (err < 0)
		goto fail_reserve;
	notifier_init(mount->notifier, loop);
	err = holdings_init(mount->holdings, loop);
	if (err < 0)
		goto fail;
	inotify_watches_init(mount->inotify, loop, mount->nodes, mount->notifier, mount->holdings);
	mount->holdings->event_interest = mount->event_interest;
	mount->holdings->reserve = mount->reserve;
	mount->lock_files->holdings = mount->holdings;
	mount->lock_files->nodes = mount->nodes;
	pending_requests_init(mount->pending, loop, limit_ms);
	err = waiters_init(mount->waiters, loop, mount->pending);
	if (err < 0)
		goto fail_pending;
	signal_recipients_init(mount->recipients);
	set_quotas(mount);
	err = event_streams_init(mount->streams, loop, mount->event_interest, mount->pending, mount->streams_quota,
		options->timeout_ms, &(struct permissions){ S_IFDIR | options->mode, options->uid, options->gid });
	if (err < 0)
		goto fail_waiters;
	err = callers_init(mount->callers, loop, options->owner, options->mountpoint);
	if (err < 0)
		goto fail_streams;
	mount->callers->sessions.watch_limit = posix_sessions_watch_limit(mount->recipients->descriptors);
	dir_reads_init(mount->dir_reads, loop, mount->pending, options->timeout_ms);
	lock_walks_init(mount->lock_walks, loop);
	busy_poll_init(mount->busy_poll, loop, options->busy_poll_us);
	return 0;
fail_streams:
	event_streams_stop(mount->streams);
fail_waiters:
	waiters_stop(mount->waiters);
fail_pending:
	pending_requests_stop(mount->pending);
	inotify_watches_stop(mount->inotify);
	holdings_stop(mount->holdings);
fail:
	node_table_free(mount->nodes);
fail_reserve:
	reserve_free(mount->reserve);
	return err;
}

int mount_new(uv_loop_t *loop, const struct options *options, struct mount **ret)
{
	struct mount *mount = allocate(options);
	int err = mount ? init_parts(mount, loop) : -ENOMEM;

	if (err < 0)
		free(mount);
	else
		*ret = mount;
	return err;
}

static void on_answered(void *ctx)
{
	struct mount *mount = ctx;

	busy_poll_worked(mount->busy_poll, BUSY_POLL_ANSWER);
}

static void on_failed(void *ctx, enum call_kind kind, const char *key, int status)
{
	struct mount *mount = ctx;
	struct lock_event event = {
		.kind = EVENT_UNEXPECTED_ERROR,
		.key = key,
		.time_us = epoch_ns() / 1000,
		.status = status,
		.operation = call_kind_name(kind),
	};

	if (!event_gate_asks(&mount->streams->gate, key))
		event_gate_add(&mount->streams->gate, &event);
}

int mount_set_backend(struct mount *mount, struct backend *backend)
{
	const struct metrics_handlers handlers = {
		.answered = on_answered,
		.failed = on_failed,
		.ctx = mount,
	};
	struct backend *metered = metrics_wrap(backend, &handlers);

	if (!metered) {
		backend_close(backend);
		return -ENOMEM;
	}
	mount->backend = metered;
	mount->holdings->backend = metered;
	mount->waiters->backend = metered;
	mount->event_interest->backend = metered;
	mount->inotify->backend = metered;
	mount->dir_reads->backend = metered;
	mount->lock_walks->backend = metered;
	mount->streams->gate.backend = metered;
	return 0;
}

void mount_release_bound(struct mount *mount)
{
	waiters_end_all(mount->waiters, -ESHUTDOWN);
	holdings_release_bound(mount->holdings);
}

bool mount_may_close(const struct mount *mount)
{
	return !renewals_is_releasing(mount->holdings);
}

void mount_stop(struct mount *mount)
{
	callers_stop(mount->callers);
	event_streams_stop(mount->streams);
	dir_reads_stop(mount->dir_reads);
	lock_walks_stop(mount->lock_walks);
	busy_poll_stop(mount->busy_poll);
	inotify_watches_stop(mount->inotify);
	waiters_stop(mount->waiters);
	pending_requests_stop(mount->pending);
	holdings_stop(mount->holdings);
	mount->event_interest->backend = NULL;
	backend_close(mount->backend);
	mount->backend = NULL;
}

void mount_free(struct mount *mount)
{
	lock_files_free(mount->lock_files);
	event_streams_free(mount->streams);
	dir_streams_free(&mount->dir_streams);
	node_table_free(mount->nodes);
	callers_free(mount->callers);
	stale_retries_free(mount->retries);
	signal_recipients_free(mount->recipients);
	quota_free(&mount->waiters->quota);
	quota_free(mount->streams_quota);
	quota_free(mount->listings_quota);
	quota_free(&mount->holdings->renewals_quota);
	reserve_free(mount->reserve);
	free(mount);
}

/* An event says that a holding has ended. */
static void note_end(struct mount *mount, const struct lock_event *event)
{
	/* It is being replaced. If it was released instead, the answer to the conversion will say so. */
	if (event->kind == EVENT_RELEASED && holdings_converts(mount->holdings, event->key, event->token))
		return;
	if (backend_notifies_all_ends(mount->backend)) {
		holdings_end(mount->holdings, event->key, event->token, event->kind != EVENT_RELEASED);
		inotify_watches_end(mount->inotify, event->key, event->token);
	} else {
		holdings_doubt(mount->holdings, event->key, event->token);
	}
}

void mount_on_event(void *ctx, const struct lock_event *event)
{
	struct mount *mount = ctx;

	if (event_ends_holding(event))
		note_end(mount, event);
	event_gate_add(&mount->streams->gate, event);
}

void mount_on_ended(void *ctx, const char *key, uint64_t token, bool taken)
{
	struct mount *mount = ctx;

	holdings_end(mount->holdings, key, token, taken);
}

void mount_on_touched(void *ctx, uint64_t token)
{
	struct mount *mount = ctx;

	holdings_recheck(mount->holdings, token);
}

void mount_on_touched_all(void *ctx)
{
	struct mount *mount = ctx;

	holdings_recheck_all(mount->holdings);
}

void mount_on_gap(void *ctx)
{
	struct mount *mount = ctx;

	mount->event_interest->active = true;
	holdings_recheck_open(mount->holdings);
	event_streams_gap(mount->streams);
}

void mount_on_notice(void *ctx, const char *line)
{
	(void)ctx;
	log_line(LOG_WARNING, "%s", line);
}

void mount_on_trace(void *ctx, const char *line)
{
	(void)ctx;
	log_line(LOG_DEBUG, "%s", line);
}

uid_t mount_current_uid(void *ctx)
{
	const struct mount *mount = ctx;

	return mount->current_uid;
}
