/*
 * One mounted lock directory: the parts that it consists of. README.md in this folder shows the way of a request
 * through them.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct backend;
struct busy_poll;
struct callers;
struct dir_reads;
struct dir_stream;
struct event_interest;
struct event_streams;
struct holdings;
struct inotify_watches;
struct lock_event;
struct lock_files;
struct lock_walks;
struct locks_file;
struct node_table;
struct notifier;
struct options;
struct pending_requests;
struct quota;
struct reserve;
struct signal_recipients;
struct snapshot;
struct stale_retries;
struct waiters;

/* The parts live as long as the mount. */
struct mount {
	const struct options *options;
	struct backend *backend;             /* NULL before mount_set_backend() and after mount_stop() */
	struct node_table *nodes;
	struct notifier *notifier;           /* its FUSE session is set by the caller when there is one */
	struct inotify_watches *inotify;
	struct holdings *holdings;
	struct lock_files *lock_files;
	struct waiters *waiters;
	struct pending_requests *pending;
	struct busy_poll *busy_poll;
	struct event_interest *event_interest;
	struct event_streams *streams;
	struct dir_reads *dir_reads;
	struct lock_walks *lock_walks;
	struct callers *callers;
	struct stale_retries *retries;
	struct signal_recipients *recipients;
	struct reserve *reserve;
	struct quota *streams_quota;         /* open directories, event streams and snapshots of each user */
	struct quota *listings_quota;        /* bytes of names and text in the open directories and `.locks` of each user */
	struct dir_stream *dir_streams;      /* all open directories */
	struct snapshot *snapshots;          /* all open `.stats`, `.status` and `.status.json` */
	struct locks_file *locks_files;      /* all open `.locks` and `.locks.json` */
	uid_t current_uid;  /* the user of the request that is being decoded; BACKEND_NOBODY: none whose calls are limited */
	int64_t mounted_ms; /* since the epoch */
	bool is_initialized; /* the kernel has sent INIT */
	bool logged_hidden; /* the log has said that some callers cannot be seen */
	int64_t no_cache_until_ns; /* CLOCK_BOOTTIME; before it LOOKUP does not use the backend's cache, which was wrong */
};

/* Makes the file side of a mount, without a backend. Returns 0 or a negative errno; then `ret` is not set. */
int mount_new(uv_loop_t *loop, const struct options *options, struct mount **ret);

/* Gives the mount the backend that was opened for it. Returns 0, or -ENOMEM and the backend is closed. */
int mount_set_backend(struct mount *mount, struct backend *backend);

/* Ends all waiters and releases all bound holdings, when no process can have a file open any more. */
void mount_release_bound(struct mount *mount);

/* Have all releases been answered? One that is under way would be lost if the backend were closed. */
bool mount_may_close(const struct mount *mount);

/* Closes the backend, which first answers the calls under way. A mount without a backend is accepted. */
void mount_stop(struct mount *mount);

/* Frees the mount, after its loop has run out of work. The snapshots are freed before: ops/snapshot.h. */
void mount_free(struct mount *mount);

/* Callbacks in struct backend_config, which has their rules; `ctx` is the struct mount. */
void mount_on_event(void *ctx, const struct lock_event *event);
void mount_on_gap(void *ctx);
void mount_on_ended(void *ctx, const char *key, uint64_t token, bool taken);
void mount_on_touched(void *ctx, uint64_t token);
void mount_on_touched_all(void *ctx);
void mount_on_notice(void *ctx, const char *line);
void mount_on_trace(void *ctx, const char *line);
uid_t mount_current_uid(void *ctx);

static inline struct mount *mount_of(fuse_req_t fuse)
{
	return fuse_req_userdata(fuse);
}

#endif
