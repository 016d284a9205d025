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

/* So long the kernel must have known a file before the backend is asked about it. */
#define KNOWN_MS 1000

/* When the backend could not say, it is asked again so much later. */
#define RETRY_MS 1000

/* A lease counts as over so much after its end: the backend's clock is another. */
#define LATE_MS 5

struct inotify_watch {
	struct inotify_watches *watches;
	struct node *node;
	uint64_t token;
	bool timed;
	struct heap_item due;
	struct inotify_watch *prev, *next; /* of the same holding; the first is in the table */
	UT_hash_handle hh;
};

/* An end that the kernel is to be told of. */
struct watch_end {
	fuse_ino_t child;
	struct watch_end *prev, *next;
};

/* A question under way; its node may be forgotten meanwhile. */
struct watch_question {
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

static void on_told(void *ctx, int status, const struct entry *entry)
{
	struct watch_question *question = ctx;
	struct node *node = node_find(question->watches->nodes, question->number);

	if (status == -ESHUTDOWN || !node || !node->watch)
		; /* nobody wants to know any more */
	else if (status < 0 && status != -ENOENT)
		ask_in(node->watch, RETRY_MS);
	else if (entry_is_holding(status, entry, question->token))
		ask_at_end(node->watch, &entry->lock);
	else
		inotify_watches_end(question->watches, question->key, question->token);
	free(question);
}

static void ask(struct inotify_watch *watch)
{
	const char *key = watch->node->name.path;
	struct watch_question *question = malloc(sizeof(*question) + strlen(key) + 1);

	if (!question) {
		ask_in(watch, RETRY_MS);
		return;
	}
	question->watches = watch->watches;
	question->number = watch->node->number;
	question->token = watch->token;
	stpcpy(question->key, key);
	backend_watch(watch->watches->backend, question->key, question->token, on_told, question);
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

/* Does the backend tell every end by itself? One that is closed tells, and is asked, nothing. */
static bool tells_all_ends(const struct inotify_watches *watches)
{
	return !watches->backend || backend_tells_all_ends(watches->backend);
}

/* Those of one holding: seen plainly, and through views. */
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
	bool all_told = tells_all_ends(watches);
	struct inotify_watch *watch;

	/*
	 * Where creation may wait, each lookup of a directory finds another, so its files are
	 * not told of. A plain file of which the end is told in any case is found by its name.
	 */
	if (node->watch || view_hides(node->name.view) || (all_told && !node->name.view))
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
	if (all_told)
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

	if (tells_all_ends(watches))
		return;
	DL_FOREACH(find(watches, token), watch)
		ask_in(watch, 0);
}

void inotify_watches_recheck_all(struct inotify_watches *watches)
{
	struct inotify_watch *watch, *next;

	if (tells_all_ends(watches))
		return;
	HASH_ITER(hh, watches->by_token, watch, next)
		ask_in(watch, 0);
}

/* Ends */

static void add_end(struct inotify_watches *watches, struct node *node)
{
	struct watch_end *end = malloc(sizeof(*end));

	/* If it is looked up once more, that is another file. */
	node_unname(watches->nodes, node);
	free_watch(node->watch);
	/* To tell the kernel of a node that it does not find by its name would make it forget the one that it does. */
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
	for (size_t i = 0; i < 2 && watches->backend && tells_all_ends(watches); i++) {
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

	/* If the kernel does not know the directory, it does not know the file either. */
	if (parent)
		notifier_delete(watches->notifier, parent->number, child, node_base_name(node));
}

/* Only now, so that those are left out which the kernel is just removing by itself. */
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
