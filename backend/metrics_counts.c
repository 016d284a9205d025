/* What metrics.c counts of calls: kinds, outcomes and times, and their names. */
#include "backend/metrics.h"

#include <errno.h>
#include <string.h>

const char *call_kind_name(enum call_kind kind)
{
	static const char *const names[CALL_KIND_COUNT] = {
		[CALL_ACQUIRE] = "acquire",
		[CALL_WAIT] = "wait",
		[CALL_RELEASE] = "release",
		[CALL_FORCE_RELEASE] = "force_release",
		[CALL_REFRESH] = "refresh",
		[CALL_SET_PERMISSIONS] = "set_permissions",
		[CALL_BIND] = "bind",
		[CALL_READ] = "read",
		[CALL_WATCH] = "watch",
		[CALL_WRITE] = "write",
		[CALL_TRUNCATE] = "truncate",
		[CALL_LIST] = "list",
		[CALL_MAKE_DIR] = "make_dir",
		[CALL_REMOVE_DIR] = "remove_dir",
		[CALL_CONFIGURE_DIR] = "configure_dir",
		[CALL_STATUS] = "status",
	};

	return names[kind];
}

/* Linear search finds the most frequent ones first. The last one stands for all others. */
static const int outcomes[METRICS_OUTCOMES] = {
	0, -ENOENT, -EEXIST, -EBUSY, -EPERM, -ENOTSUP, -EINVAL, -EISDIR, -ENOTDIR, -ENOTEMPTY, -ESTALE, -EFBIG,
	-ECANCELED, -EHOSTDOWN, -ETIMEDOUT, -EACCES, -EROFS, -ENOSPC, -ENOMEM, -ESHUTDOWN, -EIO, 1,
};

static const uint64_t bucket_us[METRICS_BUCKETS] = {
	10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 50000, 250000, 1000000, 10000000, 0,
};

const char *metrics_outcome_name(size_t outcome)
{
	if (outcome == 0)
		return "OK";
	return outcome == METRICS_OUTCOMES - 1 ? "OTHER" : strerrorname_np(-outcomes[outcome]);
}

uint64_t metrics_bucket_us(size_t bucket)
{
	return bucket_us[bucket];
}

void metrics_count(struct metrics_counts *counts, int status, int64_t took_ns)
{
	size_t outcome = 0;
	size_t bucket = 0;

	while (outcome < METRICS_OUTCOMES - 1 && outcomes[outcome] != status)
		outcome++;
	while (bucket < METRICS_BUCKETS - 1 && (uint64_t)took_ns > bucket_us[bucket] * 1000)
		bucket++;
	counts->outcomes[outcome]++;
	counts->buckets[bucket]++;
	counts->sum_ns += took_ns;
}
