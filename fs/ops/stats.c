/*
 * `.stats`: prints the counters of the mount, its parts and its backend in the text format of Prometheus. OPEN prints
 * a snapshot, so that a reader of several READs gets one consistent text.
 */
#include "fs/ops/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/metrics.h"
#include "backend/util/clock.h"
#include "backend/util/quota.h"
#include "fs/events/event_stream.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/patience.h"
#include "fs/ops/snapshot.h"
#include "fs/options.h"
#include "lockfs/backend.h"

/* Prints a label. Its value may be any text. */
static void print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP lockfs_%s %s\n# TYPE lockfs_%s %s\n", name, help, name, type);
}

static void print_metric(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	print_head(out, name, type, help);
	fprintf(out, "lockfs_%s %" PRIu64 "\n", name, value);
}

/* Prints seconds with all 9 decimals. A double would lose some of them after a few months. */
static void print_seconds(FILE *out, int64_t ns)
{
	fprintf(out, " %" PRId64 ".%09" PRId64 "\n", ns / NS_PER_S, ns % NS_PER_S);
}

static void print_build_and_mount(FILE *out, const struct mount *mount)
{
	const struct options *options = mount->options;
	char scheme[16];

	/* Only the scheme is printed, as SOURCE may contain a password. */
	snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(options->source, ":"), options->source);
	print_head(out, "build_info", "gauge", "What this daemon was built from.");
	fputs("lockfs_build_info{", out);
	print_label(out, "version", LOCKFS_VERSION);
	fputc(',', out);
	print_label(out, "libfuse", fuse_pkgversion());
	fputs("} 1\n", out);
	print_head(out, "mount_info", "gauge", "What is mounted, and where.");
	fputs("lockfs_mount_info{", out);
	print_label(out, "backend", scheme);
	fputc(',', out);
	print_label(out, "namespace", options->namespace_);
	fputc(',', out);
	print_label(out, "mountpoint", options->mountpoint);
	fputs("} 1\n", out);
	print_head(out, "start_time_seconds", "gauge", "When it was mounted, in seconds since the epoch.");
	fputs("lockfs_start_time_seconds", out);
	print_seconds(out, mount->mounted_ms * NS_PER_MS);
}

static void print_outcomes(FILE *out, const struct mount *mount)
{
	print_head(out, "operations_total", "counter", "Calls of the backend that were answered, by what they answered.");
	for (enum call_kind kind = 0; kind < CALL_KIND_COUNT; kind++) {
		const struct metrics_counts *counts = metrics_counts(mount->backend, kind);

		for (size_t i = 0; i < METRICS_OUTCOMES; i++)
			/* Of the errors, only those that happened: there are 21 for each operation. */
			if (i == 0 || counts->outcomes[i])
				fprintf(out, "lockfs_operations_total{operation=\"%s\",result=\"%s\"} %" PRIu64 "\n",
					call_kind_name(kind), metrics_outcome_name(i), counts->outcomes[i]);
	}
}

static void print_histogram(FILE *out, const char *operation, const struct metrics_counts *counts)
{
	static const char *const name = "lockfs_operation_duration_seconds";
	uint64_t sum = 0;

	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		uint64_t us = metrics_bucket_us(i);

		sum += counts->buckets[i];
		if (us)
			fprintf(out, "%s_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, operation,
				(double)us / 1000000, sum);
		else
			fprintf(out, "%s_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, operation, sum);
	}
	fprintf(out, "%s_sum{operation=\"%s\"}", name, operation);
	print_seconds(out, counts->sum_ns);
	fprintf(out, "%s_count{operation=\"%s\"} %" PRIu64 "\n", name, operation, sum);
}

static void print_histograms(FILE *out, const struct mount *mount)
{
	print_head(out, "operation_duration_seconds", "histogram", "How long calls of the backend took.");
	for (enum call_kind kind = 0; kind < CALL_KIND_COUNT; kind++)
		print_histogram(out, call_kind_name(kind), metrics_counts(mount->backend, kind));
}

static uint64_t count_waiting(const struct mount *mount)
{
	const struct waiter *waiter;
	uint64_t count = 0;

	DL_FOREACH(mount->waiters->all, waiter)
		count += patience_any(&waiter->patience);
	return count;
}

static void print_locks(FILE *out, const struct mount *mount, const struct backend_stats *stats)
{
	if (stats->locks >= 0)
		print_metric(out, "locks", "gauge", "Locks that are held.", (uint64_t)stats->locks);
	print_metric(out, "kept_locks", "gauge", "Locks that are bound to an open file of this mount, which renews them.",
		renewals_count(mount->holdings));
	print_metric(out, "open_locks", "gauge", "Locks that have an open file on this mount.",
		holdings_count(mount->holdings));
	print_metric(out, "known_names", "gauge", "Names that the daemon remembers as long as the kernel does.",
		mount->nodes->known.count);
	print_metric(out, "waiting_requests", "gauge", "Requests on this mount that wait for a lock.",
		count_waiting(mount));
	print_metric(out, "waited_for_locks", "gauge", "Locks that they wait for.", stats->waiting_keys);
	print_metric(out, "event_readers", "gauge", "Streams of events that are open.", mount->streams->log.reader_count);
	print_metric(out, "events_lost_total", "counter", "Events that readers were too slow for.",
		mount->streams->log.lost);
}

/* What became of the locks when the server changed. */
static void print_changes(FILE *out, const struct backend_stats *stats)
{
	print_metric(out, "failovers_total", "counter", "Connections to another process of the server than the one before.",
		stats->failovers);
	print_metric(out, "reclaimed_total", "counter", "Holdings that were taken back at a server that changed.",
		stats->reclaimed);
	print_metric(out, "reclaim_lost_total", "counter", "Holdings that could not be taken back at a server that changed.",
		stats->reclaim_lost);
	print_head(out, "grace_seconds_total", "counter", "How long acquisitions waited for others to take back theirs.");
	fputs("lockfs_grace_seconds_total", out);
	print_seconds(out, stats->grace_ns);
	if (stats->replicas_in_sync >= 0)
		print_metric(out, "replicas_in_sync", "gauge", "Replicas that have all writes, as the server said last.",
			(uint64_t)stats->replicas_in_sync);
}

static void print_backend(FILE *out, const struct backend_stats *stats)
{
	print_metric(out, "backend_up", "gauge", "Whether the backend can be asked.", stats->up);
	print_metric(out, "backend_reconnects_total", "counter", "Connections that were made after the first.",
		stats->reconnects);
	print_metric(out, "backend_calls_under_way", "gauge", "Questions to the server that are not answered yet.",
		stats->under_way);
	print_changes(out, stats);
	print_head(out, "backend_round_trip_seconds", "summary", "How long answers of the server took.");
	fputs("lockfs_backend_round_trip_seconds_sum", out);
	print_seconds(out, stats->round_trip_ns);
	fprintf(out, "lockfs_backend_round_trip_seconds_count %" PRIu64 "\n", stats->round_trips);
}

static int print_all(const struct mount *mount, char **ret_text, size_t *ret_size)
{
	FILE *out = open_memstream(ret_text, ret_size);
	struct backend_stats stats;

	if (!out)
		return -ENOMEM;
	backend_stats(mount->backend, &stats);
	print_build_and_mount(out, mount);
	print_outcomes(out, mount);
	print_histograms(out, mount);
	print_locks(out, mount, &stats);
	print_backend(out, &stats);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

void stats_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info)
{
	char *text = NULL;
	size_t size = 0;

	if (print_all(mount, &text, &size) < 0) {
		free(text);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	snapshot_open(mount, req, info, text, size);
}
