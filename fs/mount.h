/*
 * One mounted lock directory, and how a request goes through it:
 *
 *   kernel -> ops_*.c (decode) -> request.c (which key, which view, who asks)
 *          -> backend (one atomic step) -> ops_*.c (errno, attributes) -> kernel
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <fuse_lowlevel.h>

#include "fs/caller/caller.h"
#include "fs/caller/signal_recipient.h"
#include "fs/events/event_stream.h"
#include "fs/holdings/event_interest.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/inotify.h"
#include "fs/holdings/pending_request.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/kernel/busy_poll.h"
#include "fs/kernel/notifier.h"
#include "fs/listing/dir_reads.h"
#include "fs/listing/dir_stream.h"
#include "fs/names/node.h"
#include "fs/names/stale_retry.h"
#include "fs/options.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"

struct stats_file;

struct mount {
	const struct options *options;
	struct backend *backend;
	struct node_table nodes;
	struct notifier notifier; /* its session is set when there is one */
	struct inotify_watches watches;
	struct holdings holdings;
	struct renewals renewals;
	struct waiters waiters;
	struct pending_requests parking;
	struct busy_poll busy_poll;
	struct event_interest listening;
	struct event_streams streams;
	struct dir_reads dir_reads;
	struct dir_stream *dir_streams; /* all that are open */
	struct stats_file *stats_files; /* likewise */
	struct quota streams_quota; /* of each user, for these three */
	struct quota listings_quota; /* of each user, for the names in these directories */
	struct callers callers;
	struct stale_retries retries;
	struct signal_recipients recipients;
	struct reserve reserve;
	uid_t asker; /* whose request is just taken in, if what the user may have is bounded; else BACKEND_NOBODY */
	int64_t mounted_ms; /* since the epoch */
	bool answers;       /* the kernel has said hello */
	bool told_hidden;   /* the log says that callers cannot be seen */
	int64_t recalls_ns; /* CLOCK_BOOTTIME, until which every name is asked for: request.h */
};

/* Makes the file side of a mount. Returns 0 or a negative errno; then there is nothing to free. */
int mount_init(struct mount *mount, uv_loop_t *loop, const struct options *options);

/* Gives the mount the backend that was opened for it. Returns 0, or -ENOMEM and it is closed. */
int mount_set_backend(struct mount *mount, struct backend *backend);

/* No process has a file open any more: ends those that wait, and releases what is bound to files. */
void mount_let_go(struct mount *mount);

/* Is no release under way that would be lost if the backend were closed now? */
bool mount_is_settled(const struct mount *mount);

/* Ends it: the backend answers what is under way. Accepts one without a backend. */
void mount_stop(struct mount *mount);

/* Frees it, when no request is under way any more. */
void mount_free(struct mount *mount);

/* What the backend tells of; `ctx` is the struct mount. */
void mount_on_event(void *ctx, const struct lock_event *event);
void mount_on_gap(void *ctx);
void mount_on_ended(void *ctx, const char *key, uint64_t token, bool taken);
void mount_on_touched(void *ctx, uint64_t token);
void mount_on_touched_all(void *ctx);
void mount_on_notice(void *ctx, const char *line);
uid_t mount_asks(void *ctx);

extern const struct fuse_lowlevel_ops lockfs_ops;

#endif
