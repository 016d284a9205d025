/*
 * Reports the end of a lock, on any mount, to processes that watch its file by inotify(7):
 * the kernel is told that the file was deleted, and tells the watchers.
 *
 * The kernel does not tell the daemon which files are watched. So every lock file that was
 * looked up, and that the kernel has not forgotten, counts as watched. If the backend does
 * not report every end by itself, it is asked to watch a holding once the kernel has known
 * the file for 1 s; most files are forgotten by then.
 */
#ifndef FS_HOLDINGS_INOTIFY_H
#define FS_HOLDINGS_INOTIFY_H

#include <stdbool.h>

#include "backend/util/deadlines.h"
#include "fs/kernel/notifier.h"
#include "lockfs/backend.h"

struct node;
struct node_table;
struct view;
struct inotify_watch;

struct inotify_watches {
	struct node_table *nodes;
	struct notifier *notifier;
	struct backend *backend; /* set by the owner; NULL after inotify_watches_stop() */
	struct inotify_watch *by_token;
	struct deadlines due;    /* when a watch asks the backend next */
	struct watch_end *ended; /* ends that the kernel is told of in the next turn of the loop */
	uv_idle_t next_turn;
};

/* Returns 0 or a negative errno. */
int inotify_watches_init(struct inotify_watches *watches, uv_loop_t *loop, struct node_table *nodes, struct notifier *notifier);

/* Drops all watches, before the backend is closed. */
void inotify_watches_stop(struct inotify_watches *watches);

/* The kernel was told of the node of a lock. `own`: this mount acquired the lock, so the backend reports its end in any case. */
void inotify_watches_add(struct inotify_watches *watches, struct node *node, const struct lock *lock, bool own);

/* This holding of this key has ended. */
void inotify_watches_end(struct inotify_watches *watches, const char *key, uint64_t token);

/* The kernel has removed this file itself, so it need not be told. */
void inotify_watches_removed(struct inotify_watches *watches, const struct view *view, const char *key);

/* Something about this holding has changed, such as its lease: asks the backend about it. */
void inotify_watches_recheck(struct inotify_watches *watches, uint64_t token);

/* Any holding may have changed: asks the backend about all. */
void inotify_watches_recheck_all(struct inotify_watches *watches);

#endif
