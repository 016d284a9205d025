/*
 * Scans all directories for leases, one call after the other, so that other calls are served
 * between them.
 */
#include "backend/redis/notify/lease_scan.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply/reply_list.h"

/* The first cursor in a directory: it lists subdirectories first, then locks (lease_scan.lua). */
#define START "d0"

/* A directory that is not scanned to its end. */
struct directory {
	struct directory *next; /* a sibling or the parent */
	char cursor[LISTING_CURSOR_MAX];
	char path[];
};

/*
 * A scan goes depth first: subdirectories come before the rest of their directory. So the list is
 * never longer than the subdirectories of one step, for each level of the tree.
 */
struct lease_scan {
	struct script_calls *calls;
	struct directory *current; /* of the call under way; NULL: there is none */
	struct directory *pending; /* the directories after it, in order */
	bool cancelled;            /* the answer of the call under way is to be dropped */
	bool failed;               /* the scan starts again when the server is back */
};

/* Without memory for it, the leases below the directory make no EXPIRED events. */
static void add(struct lease_scan *scan, const char *dir, const char *name)
{
	struct directory *directory = calloc(1, sizeof(*directory) + strlen(dir) + 1 + strlen(name) + 1);

	if (!directory)
		return;
	if (*dir)
		stpcpy(stpcpy(stpcpy(directory->path, dir), "/"), name);
	else
		stpcpy(directory->path, name);
	stpcpy(directory->cursor, START);
	LL_PREPEND(scan->pending, directory);
}

/* Notes what a call found in `directory`, which is scanned further after its subdirectories, or freed. */
static void continue_with(struct lease_scan *scan, struct directory *directory, const struct list_page *page)
{
	stpcpy(directory->cursor, page->cursor);
	if (*directory->cursor)
		LL_PREPEND(scan->pending, directory);
	for (size_t i = 0; i < page->count; i++)
		add(scan, directory->path, page->items[i].name);
	if (!*directory->cursor)
		free(directory);
}

static void ask(struct lease_scan *scan);

static void on_answer(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct lease_scan *scan = call->ctx;
	struct directory *directory = scan->current;
	bool cancelled = scan->cancelled;
	struct list_page page = { 0 };

	(void)age_ms;
	scan->current = NULL;
	scan->cancelled = false;
	if (status == 0 && !cancelled)
		status = reply_lease_scan(reply, &page);
	if (status == 0 && !cancelled)
		continue_with(scan, directory, &page);
	else
		free(directory);
	free(page.items);
	if (status < 0 && !cancelled) {
		lease_scan_stop(scan);
		scan->failed = true;
	}
	ask(scan);
}

static void ask(struct lease_scan *scan)
{
	struct script_call *call;

	if (scan->current || !scan->pending)
		return;
	call = script_call_new(scan->calls, SCRIPT_LEASE_SCAN, scan->pending->path);
	if (!call) {
		lease_scan_stop(scan);
		return;
	}
	scan->current = scan->pending;
	LL_DELETE(scan->pending, scan->current);
	script_call_add_text(call, scan->current->cursor);
	call->done = on_answer;
	call->ctx = scan;
	script_call_start(call);
}

struct lease_scan *lease_scan_new(struct script_calls *calls)
{
	struct lease_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return NULL;
	scan->calls = calls;
	return scan;
}

void lease_scan_start(struct lease_scan *scan)
{
	lease_scan_stop(scan);
	add(scan, "", "");
	ask(scan);
}

void lease_scan_start_again(struct lease_scan *scan)
{
	if (scan->failed)
		lease_scan_start(scan);
}

void lease_scan_stop(struct lease_scan *scan)
{
	scan->failed = false;
	while (scan->pending) {
		struct directory *directory = scan->pending;

		LL_DELETE(scan->pending, directory);
		free(directory);
	}
	/* A call under way needs the texts of `current` until it is answered. */
	scan->cancelled = scan->current != NULL;
}

void lease_scan_free(struct lease_scan *scan)
{
	if (!scan)
		return;
	lease_scan_stop(scan);
	free(scan->current);
	free(scan);
}
