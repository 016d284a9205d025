/*
 * Lock files that the kernel knows, since somebody may watch one by inotify(7): when
 * its lock ends, on whichever mount, the kernel is told, and tells who watches it.
 *
 * Who watches the kernel tells nobody, so it is every file that was looked up and
 * that it has not forgotten. Where the backend does not tell every end by itself, it
 * is asked to tell of those that the kernel knows for a moment already; most are
 * forgotten by then.
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
	struct backend *backend;  /* set by the owner */
	struct inotify_watch *by_token;
	struct deadlines due;     /* when the backend is asked about one */
	struct watch_end *ended;  /* the kernel is told of these in the loop's next turn */
	uv_idle_t next_turn;
};

/* Returns 0 or a negative errno. */
int inotify_watches_init(struct inotify_watches *watches, uv_loop_t *loop, struct node_table *nodes, struct notifier *notifier);

/* Asks nobody any more, before the backend is closed. */
void inotify_watches_stop(struct inotify_watches *watches);

/* The kernel was told of a lock's node. `own`: this mount acquired it, so its end is told anyway. */
void inotify_watches_add(struct inotify_watches *watches, struct node *node, const struct lock *lock, bool own);

/* This holding of this key has ended. */
void inotify_watches_end(struct inotify_watches *watches, const char *key, uint64_t token);

/* The kernel itself has removed this file, and knows. */
void inotify_watches_removed(struct inotify_watches *watches, const struct view *view, const char *key);

/* Something about this holding changed. */
void inotify_watches_recheck(struct inotify_watches *watches, uint64_t token);

/* That may be so of each holding. */
void inotify_watches_recheck_all(struct inotify_watches *watches);

#endif
