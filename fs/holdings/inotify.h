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

#include "fs/kernel/notifier.h"
#include "lockfs/backend.h"

struct holdings;
struct node;
struct node_table;
struct view;

struct inotify_watches {
	struct node_table *nodes;
	struct notifier *notifier;
	struct holdings *holdings;
	struct backend *backend; /* set by the owner; NULL after inotify_watches_stop() */
	struct watch_end *ended; /* ends that the kernel is told of in the next turn of the loop */
	uv_idle_t next_turn;
};

void inotify_watches_init(struct inotify_watches *watches, uv_loop_t *loop, struct node_table *nodes, struct notifier *notifier,
                          struct holdings *holdings);

/* Tells the kernel of no end any more, before the backend is closed. */
void inotify_watches_stop(struct inotify_watches *watches);

/* The kernel was told of the node of a lock. `own`: this mount acquired the lock, so the backend reports its end in any case. */
void inotify_watches_add(struct inotify_watches *watches, struct node *node, const struct lock *lock, bool own);

/* A backend that reports every end says that this holding of this key has ended. Ends the files in the plain tree, which have no watch then. */
void inotify_watches_end(struct inotify_watches *watches, const char *key, uint64_t token);

/* The kernel has removed this file itself, so it need not be told. */
void inotify_watches_removed(struct inotify_watches *watches, const struct view *view, const char *key);

#endif
