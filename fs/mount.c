#include "fs/mount.h"

#include <errno.h>
#include <unistd.h>

#include "backend/metrics.h"
#include "backend/util/clock.h"
#include "fs/kernel/request_timeout.h"
#include "fs/ops/stats.h"
#include "fs/util/log.h"

static void on_lost(void *ctx, const char *key, uint64_t token)
{
	struct fs *fs = ctx;

	holdings_end(&fs->holdings, key, token, true);
}

/* Names that the daemon remembers for the kernel, of all users: some 40 MB. */
#define NAMES_MAX 65536

/* A user who takes all that there is, gives it back and takes it again is not told of each time. */
#define TOLD_PAUSE_NS (60 * NS_PER_S)

/* What each user may have, told of in the words of the manual's table. */
static struct quota user_quota(size_t most, int error, const char *what, const char *option)
{
	return (struct quota){
		.most = most,
		.self = geteuid(),
		.error = error,
		.what = what,
		.option = option,
		.pause_ns = TOLD_PAUSE_NS,
		.on_full = fs_on_notice,
	};
}

/* However much is allowed: who has all descriptors keeps others from every lock with signal=. */
static void bound_recipients(struct recipients *recipients)
{
	struct quota *quota = &recipients->quota;
	size_t most = recipients_most(recipients);

	if (quota->most > 0 && quota->most <= most)
		return;
	quota->most = most;
	quota->advice = "It is half of what the limit of open files of this daemon allows: raise that";
}

static void set_quotas(struct fs *fs)
{
	fs->waiters.min_interval_ms = fs->options->min_interval_ms;
	fs->nodes.known.user_most = fs->options->user_names;
	fs->nodes.known.most = NAMES_MAX;
	fs->nodes.known.self = geteuid();
	fs->nodes.known.on_full = fs_on_notice;
	fs->waiters.quota = user_quota(fs->options->user_waiters, -ENOLCK,
		"calls that wait for locks", "user_waiters");
	fs->streams_quota = user_quota(fs->options->user_streams, -EMFILE,
		"open directories and streams", "user_streams");
	fs->holdings.quota = user_quota(fs->options->user_files, -EMFILE, "open lock files", "user_files");
	fs->listings_quota = user_quota(fs->options->user_listings, -ENOMEM,
		"bytes of names in open directories", "user_listings");
	fs->recipients.quota = user_quota(fs->options->user_signals, -EMFILE,
		"processes that signal= is for", "user_signals");
	bound_recipients(&fs->recipients);
	fs->keeper.renewals = user_quota(fs->options->user_renewals, -ENOLCK,
		"renewals of bound locks a minute", "user_renewals");
}

int fs_init(struct fs *fs, uv_loop_t *loop, const struct options *options)
{
	int64_t limit_ms = request_limit_ms();
	int err;

	*fs = (struct fs){ .options = options, .mounted_ms = epoch_ns() / NS_PER_MS, .asker = BACKEND_NOBODY };
	err = reserve_init(&fs->reserve);
	if (err < 0)
		return err;
	err = node_table_init(&fs->nodes);
	if (err < 0)
		goto fail_reserve;
	notifier_init(&fs->notifier, loop);
	err = watches_init(&fs->watches, loop, &fs->nodes, &fs->notifier);
	if (err < 0)
		goto fail;
	err = holdings_init(&fs->holdings, loop);
	if (err < 0)
		goto fail_watches;
	err = keeper_init(&fs->keeper, loop);
	if (err < 0)
		goto fail_holdings;
	fs->holdings.listening = &fs->listening;
	fs->holdings.nodes = &fs->nodes;
	fs->keeper.lost = on_lost;
	fs->keeper.ctx = fs;
	fs->keeper.reserve = &fs->reserve;
	err = waiters_init(&fs->waiters, loop, limit_ms);
	if (err < 0)
		goto fail_keeper;
	recipients_init(&fs->recipients);
	set_quotas(fs);
	err = callers_init(&fs->callers, loop, options->owner, options->mountpoint);
	if (err < 0)
		goto fail_waiters;
	fs->callers.sessions.watched_most = sessions_watched_most(fs->recipients.descriptors);
	parking_init(&fs->parking, loop, limit_ms);
	dir_reads_init(&fs->dir_reads, loop, &fs->parking, options->timeout_ms);
	spin_init(&fs->spin, loop, options->spin_us);
	event_streams_init(&fs->streams, loop, &fs->listening, &fs->parking, &fs->streams_quota, options->timeout_ms,
		&(struct dir_access){ options->mode, options->uid, options->gid });
	return 0;
fail_waiters:
	waiters_stop(&fs->waiters);
fail_keeper:
	keeper_stop(&fs->keeper);
fail_holdings:
	holdings_stop(&fs->holdings);
fail_watches:
	watches_stop(&fs->watches);
fail:
	node_table_free(&fs->nodes);
fail_reserve:
	reserve_free(&fs->reserve);
	return err;
}

static void on_answered(void *ctx)
{
	struct fs *fs = ctx;

	spin_worked(&fs->spin, SPIN_ANSWER);
}

static void on_failed(void *ctx, enum call_kind kind, const char *key, int status)
{
	struct fs *fs = ctx;
	struct lock_event event = {
		.kind = EVENT_UNEXPECTED_ERROR,
		.key = key,
		.time_us = epoch_ns() / 1000,
		.status = status,
		.operation = call_kind_name(kind),
	};

	if (!event_gate_asks(&fs->streams.gate, key))
		event_gate_add(&fs->streams.gate, &event);
}

int fs_attach(struct fs *fs, struct backend *backend)
{
	const struct metrics_handlers metrics_owner = {
		.answered = on_answered,
		.failed = on_failed,
		.ctx = fs,
	};
	struct backend *metered = metrics_wrap(backend, &metrics_owner);

	if (!metered) {
		backend_close(backend);
		return -ENOMEM;
	}
	fs->backend = metered;
	fs->holdings.backend = metered;
	fs->keeper.backend = metered;
	fs->waiters.backend = metered;
	fs->listening.backend = metered;
	fs->watches.backend = metered;
	fs->dir_reads.backend = metered;
	fs->streams.gate.backend = metered;
	return 0;
}

void fs_let_go(struct fs *fs)
{
	waiters_end_all(&fs->waiters, -ESHUTDOWN);
	holdings_let_go(&fs->holdings);
}

bool fs_is_settled(const struct fs *fs)
{
	return !keeper_is_releasing(&fs->keeper);
}

void fs_stop(struct fs *fs)
{
	callers_stop(&fs->callers);
	event_streams_stop(&fs->streams);
	dir_reads_stop(&fs->dir_reads);
	parking_stop(&fs->parking);
	spin_stop(&fs->spin);
	watches_stop(&fs->watches);
	waiters_stop(&fs->waiters);
	keeper_stop(&fs->keeper);
	holdings_stop(&fs->holdings);
	fs->listening.backend = NULL;
	backend_close(fs->backend);
	fs->backend = NULL;
}

void fs_free(struct fs *fs)
{
	holdings_free(&fs->holdings);
	event_streams_free(&fs->streams);
	stats_free_all(fs);
	dir_streams_free(&fs->dir_streams);
	node_table_free(&fs->nodes);
	callers_free(&fs->callers);
	retries_free(&fs->retries);
	recipients_free(&fs->recipients);
	quota_free(&fs->waiters.quota);
	quota_free(&fs->streams_quota);
	quota_free(&fs->listings_quota);
	quota_free(&fs->keeper.renewals);
	reserve_free(&fs->reserve);
}

void fs_on_event(void *ctx, const struct lock_event *event)
{
	struct fs *fs = ctx;

	if (event_ends_holding(event)) {
		if (backend_tells_all_ends(fs->backend))
			holdings_end(&fs->holdings, event->key, event->token, event->kind != EVENT_RELEASED);
		else
			holdings_doubt(&fs->holdings, event->key, event->token);
		watches_end(&fs->watches, event->key, event->token);
	}
	event_gate_add(&fs->streams.gate, event);
}

void fs_on_ended(void *ctx, const char *key, uint64_t token, bool taken)
{
	struct fs *fs = ctx;

	holdings_end(&fs->holdings, key, token, taken);
	watches_end(&fs->watches, key, token);
}

void fs_on_touched(void *ctx, uint64_t token)
{
	struct fs *fs = ctx;

	holdings_recheck(&fs->holdings, token);
	watches_recheck(&fs->watches, token);
}

void fs_on_touched_all(void *ctx)
{
	struct fs *fs = ctx;

	holdings_recheck_all(&fs->holdings);
	watches_recheck_all(&fs->watches);
}

void fs_on_gap(void *ctx)
{
	struct fs *fs = ctx;

	fs->listening.told = true;
	holdings_recheck_all(&fs->holdings);
	event_streams_gap(&fs->streams);
}

void fs_on_notice(void *ctx, const char *line)
{
	(void)ctx;
	log_line(LOG_WARNING, "%s", line);
}

uid_t fs_asks(void *ctx)
{
	const struct fs *fs = ctx;

	return fs->asker;
}
