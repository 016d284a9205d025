/*
 * Follows the holdings of looked-up locks, and passes their ends to the kernel. That happens in the
 * next turn of the loop, because the kernel may be about to remove the file itself.
 */
#include "fs/holdings/inotify.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/container_of.h"
#include "fs/holdings/holding.h"
#include "fs/names/node.h"
#include "fs/names/view.h"
#include "lockfs/duration.h"

/* 1 s: how long the kernel must have known a file before the backend is asked about it. */
#define KNOWN_MS 1000

struct inotify_watch {
	struct inotify_watches *watches;
	struct holding_follower follower;
	struct node *node;
};

/* A node of a lock that ended, of which the kernel has not been told. */
struct watch_end {
	fuse_ino_t child;
	struct watch_end *prev, *next;
};

/* Files that the kernel knows */

/* Does the backend report every end by itself? Also true after it was closed. */
static bool reports_all_ends(const struct inotify_watches *watches)
{
	return !watches->backend || backend_notifies_all_ends(watches->backend);
}

/* Accepts NULL. */
static void free_watch(struct inotify_watch *watch)
{
	if (!watch)
		return;
	holding_unfollow(&watch->follower);
	watch->node->watch = NULL;
	free(watch);
}

static void on_ended(struct holding_follower *follower);

void inotify_watches_add(struct inotify_watches *watches, struct node *node, const struct lock *lock, bool own)
{
	bool all_reported = reports_all_ends(watches);
	struct inotify_watch *watch;

	/*
	 * In a view where creation may wait each lookup of a directory makes another node, so
	 * its files cannot be named to the kernel. A file in the plain tree needs no watch if
	 * the backend reports every end: inotify_watches_end() finds its node by the key.
	 */
	if (node->watch || view_hides(node->name.view) || (all_reported && !node->name.view))
		return;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return;
	watch->watches = watches;
	watch->follower.on_ended = on_ended;
	watch->node = node;
	if (holding_follow(watches->holdings, &watch->follower, node->name.path, node->name.token) < 0) {
		free(watch);
		return;
	}
	node->watch = watch;
	if (all_reported)
		return;
	if (!own)
		holding_recheck_in(&watch->follower, KNOWN_MS);
	else if (lock->remaining_ms != LEASE_NEVER)
		holding_recheck_in(&watch->follower, lock->remaining_ms);
}

/* Ends */

static void add_end(struct inotify_watches *watches, struct node *node)
{
	struct watch_end *end = malloc(sizeof(*end));

	/* The next lookup of the name finds another file. */
	node_unname(watches->nodes, node);
	free_watch(node->watch);
	/* An eclipsed node is not the one that the kernel has under this name: it would drop the other node. */
	if (!end || node->eclipsed) {
		free(end);
		return;
	}
	end->child = node->number;
	DL_APPEND(watches->ended, end);
}

static void on_next_turn(uv_idle_t *idle);

/* `node` is NULL if the kernel does not know the file. */
static void end_node(struct inotify_watches *watches, struct node *node)
{
	if (!node)
		return;
	add_end(watches, node);
	if (watches->ended)
		uv_idle_start(&watches->next_turn, on_next_turn);
}

static void on_ended(struct holding_follower *follower)
{
	struct inotify_watch *watch = container_of(follower, struct inotify_watch, follower);

	if (watch->watches->backend)
		end_node(watch->watches, watch->node);
	else
		free_watch(watch);
}

void inotify_watches_end(struct inotify_watches *watches, const char *key, uint64_t token)
{
	end_node(watches, node_peek(watches->nodes, NODE_LOCK, NULL, token, key));
	end_node(watches, node_peek(watches->nodes, NODE_ACQUIRED, NULL, token, key));
}

static void drop_end(struct inotify_watches *watches, struct watch_end *end)
{
	DL_DELETE(watches->ended, end);
	free(end);
	if (!watches->ended)
		uv_idle_stop(&watches->next_turn);
}

void inotify_watches_removed(struct inotify_watches *watches, const struct view *view, const char *key)
{
	struct watch_end *end, *next;

	DL_FOREACH_SAFE(watches->ended, end, next) {
		const struct node *node = node_find(watches->nodes, end->child);

		if (node && node->name.view == view && strcmp(node->name.path, key) == 0)
			drop_end(watches, end);
	}
}

static void tell_kernel(const struct inotify_watches *watches, fuse_ino_t child)
{
	const struct node *node = node_find(watches->nodes, child);
	const struct node *parent = node ? node_parent(watches->nodes, node) : NULL;

	/* A kernel that has forgotten the directory has forgotten the file, too. */
	if (parent)
		notifier_delete(watches->notifier, parent->number, child, node_base_name(node));
}

/* inotify_watches_removed() has taken out the files that the kernel has removed itself. */
static void on_next_turn(uv_idle_t *idle)
{
	struct inotify_watches *watches = idle->data;

	while (watches->ended) {
		tell_kernel(watches, watches->ended->child);
		drop_end(watches, watches->ended);
	}
}

static void on_node_freed(struct node *node)
{
	free_watch(node->watch);
}

void inotify_watches_init(struct inotify_watches *watches, uv_loop_t *loop, struct node_table *nodes, struct notifier *notifier,
                          struct holdings *holdings)
{
	*watches = (struct inotify_watches){ .nodes = nodes, .notifier = notifier, .holdings = holdings };
	nodes->on_free = on_node_freed;
	uv_idle_init(loop, &watches->next_turn);
	watches->next_turn.data = watches;
}

void inotify_watches_stop(struct inotify_watches *watches)
{
	while (watches->ended)
		drop_end(watches, watches->ended);
	watches->backend = NULL;
	uv_close((uv_handle_t *)&watches->next_turn, NULL);
}
