/*
 * Watches the ends of looked-up locks and passes them to the kernel. That happens in the
 * next turn of the loop, because the kernel may be about to remove the file itself.
 */
#include "fs/holdings/inotify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "fs/names/node.h"
#include "fs/names/view.h"
#include "lockfs/duration.h"

/* 1 s: how long the kernel must have known a file before the backend is asked about it. */
#define KNOWN_MS 1000

/* 1 s: pause before the backend is asked again after an error. */
#define RETRY_MS 1000

/* 5 ms: how long after the end of a lease the backend is asked, because its clock may be behind ours. */
#define LATE_MS 5

struct inotify_watch {
	struct inotify_watches *watches;
	struct node *node;
	uint64_t token;
	bool timed;
	struct heap_item due;
	struct inotify_watch *prev, *next; /* watches of one holding; the first is in the table */
	UT_hash_handle hh;
};

/* A node of a lock that ended, of which the kernel has not been told. */
struct watch_end {
	fuse_ino_t child;
	struct watch_end *prev, *next;
};

/* A call to the backend that it has not answered. The node may be forgotten meanwhile. */
struct watch_check {
	struct inotify_watches *watches;
	fuse_ino_t number;
	uint64_t token;
	char key[];
};

static struct inotify_watch *find(const struct inotify_watches *watches, uint64_t token)
{
	struct inotify_watch *watch;

	HASH_FIND(hh, watches->by_token, &token, sizeof(token), watch);
	return watch;
}

/* When the backend is asked */

static void clear_due(struct inotify_watch *watch)
{
	if (watch->timed)
		heap_remove(&watch->watches->due.heap, &watch->due);
	watch->timed = false;
}

static void ask_in(struct inotify_watch *watch, int64_t ms)
{
	struct deadlines *due = &watch->watches->due;

	clear_due(watch);
	watch->timed = heap_insert(&due->heap, &watch->due, boot_ns() + ms * NS_PER_MS) == 0;
	deadlines_arm(due);
}

static void ask_at_end(struct inotify_watch *watch, const struct lock *lock)
{
	if (lock->remaining_ms == LEASE_NEVER)
		clear_due(watch);
	else
		ask_in(watch, lock->remaining_ms + LATE_MS);
}

static void on_watched(void *ctx, int status, const struct entry *entry)
{
	struct watch_check *check = ctx;
	struct node *node = node_find(check->watches->nodes, check->number);

	if (status == -ESHUTDOWN || !node || !node->watch)
		; /* the answer is of no use any more */
	else if (status < 0 && status != -ENOENT)
		ask_in(node->watch, RETRY_MS);
	else if (entry_is_holding(status, entry, check->token))
		ask_at_end(node->watch, &entry->lock);
	else
		inotify_watches_end(check->watches, check->key, check->token);
	free(check);
}

static void ask(struct inotify_watch *watch)
{
	const char *key = watch->node->name.path;
	struct watch_check *check = malloc(sizeof(*check) + strlen(key) + 1);

	if (!check) {
		ask_in(watch, RETRY_MS);
		return;
	}
	check->watches = watch->watches;
	check->number = watch->node->number;
	check->token = watch->token;
	stpcpy(check->key, key);
	backend_watch(watch->watches->backend, check->key, check->token, on_watched, check);
}

static void on_due(struct deadlines *due)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	while ((first = heap_first(&due->heap)) && first->due <= now_ns) {
		struct inotify_watch *watch = container_of(first, struct inotify_watch, due);

		clear_due(watch);
		ask(watch);
	}
	deadlines_arm(due);
}

/* Files that the kernel knows */

/* Need the backend not be asked? True if it reports every end by itself, and after it was closed. */
static bool reports_all_ends(const struct inotify_watches *watches)
{
	return !watches->backend || backend_notifies_all_ends(watches->backend);
}

/* One holding has a watch for each node: in the plain tree and in views. */
static int link_watch(struct inotify_watches *watches, struct inotify_watch *watch)
{
	struct inotify_watch *first = find(watches, watch->token);

	if (first) {
		DL_APPEND(first, watch);
		return 0;
	}
	DL_APPEND(first, watch);
	HASH_ADD(hh, watches->by_token, token, sizeof(watch->token), watch);
	return watch->hh.tbl ? 0 : -ENOMEM;
}

static void unlink_watch(struct inotify_watch *watch)
{
	struct inotify_watches *watches = watch->watches;
	struct inotify_watch *first = find(watches, watch->token);

	if (first == watch)
		HASH_DELETE(hh, watches->by_token, first);
	DL_DELETE(first, watch);
	if (first && first != find(watches, watch->token))
		HASH_ADD(hh, watches->by_token, token, sizeof(first->token), first);
}

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
	watch->node = node;
	watch->token = node->name.token;
	if (link_watch(watches, watch) < 0) {
		free(watch);
		return;
	}
	node->watch = watch;
	if (all_reported)
		return;
	if (own)
		ask_at_end(watch, lock);
	else
		ask_in(watch, KNOWN_MS);
}

/* Accepts NULL. */
static void free_watch(struct inotify_watch *watch)
{
	if (!watch)
		return;
	clear_due(watch);
	unlink_watch(watch);
	watch->node->watch = NULL;
	free(watch);
}

void inotify_watches_recheck(struct inotify_watches *watches, uint64_t token)
{
	struct inotify_watch *watch;

	if (reports_all_ends(watches))
		return;
	DL_FOREACH(find(watches, token), watch)
		ask_in(watch, 0);
}

void inotify_watches_recheck_all(struct inotify_watches *watches)
{
	struct inotify_watch *watch, *next;

	if (reports_all_ends(watches))
		return;
	HASH_ITER(hh, watches->by_token, watch, next)
		ask_in(watch, 0);
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

void inotify_watches_end(struct inotify_watches *watches, const char *key, uint64_t token)
{
	static const enum node_kind kinds[] = { NODE_LOCK, NODE_ACQUIRED };
	struct inotify_watch *watch, *next;

	DL_FOREACH_SAFE(find(watches, token), watch, next)
		if (strcmp(watch->node->name.path, key) == 0)
			add_end(watches, watch->node);
	for (size_t i = 0; i < 2 && watches->backend && reports_all_ends(watches); i++) {
		struct node *node = node_peek(watches->nodes, kinds[i], NULL, token, key);

		if (node)
			add_end(watches, node);
	}
	if (watches->ended)
		uv_idle_start(&watches->next_turn, on_next_turn);
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

int inotify_watches_init(struct inotify_watches *watches, uv_loop_t *loop, struct node_table *nodes, struct notifier *notifier)
{
	int err;

	*watches = (struct inotify_watches){ .nodes = nodes, .notifier = notifier };
	nodes->on_free = on_node_freed;
	err = deadlines_init(&watches->due, loop, on_due);
	if (err < 0)
		return err;
	uv_idle_init(loop, &watches->next_turn);
	watches->next_turn.data = watches;
	return 0;
}

void inotify_watches_stop(struct inotify_watches *watches)
{
	while (watches->by_token)
		free_watch(watches->by_token);
	while (watches->ended)
		drop_end(watches, watches->ended);
	watches->backend = NULL;
	uv_close((uv_handle_t *)&watches->next_turn, NULL);
	deadlines_close(&watches->due, NULL);
}
