#include "backend/redis/notify/lease_scan.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply/reply_list.h"

/* Where a directory begins to be gone through: with the directories in it, before the locks (lease_scan.lua). */
#define START "d0"

/* A directory that is being gone through. */
struct place {
	struct place *next; /* the one that it is in, or others in that */
	char cursor[LISTING_CURSOR_MAX];
	char path[];
};

/*
 * What is in a directory comes before the rest of the directory itself. So there are no
 * more places than the directories of one step, for each level.
 */
struct lease_scan {
	struct script_calls *calls;
	struct place *current; /* that is asked about; NULL: none */
	struct place *places;  /* that follow */
	bool stale;            /* the answer is not wanted any more */
	bool broken;           /* it failed, and begins anew when the server is back */
};

/* Without memory for it, the ends of what is below it are not told. */
static void add(struct lease_scan *lease_scan, const char *dir, const char *name)
{
	struct place *place = calloc(1, sizeof(*place) + strlen(dir) + 1 + strlen(name) + 1);

	if (!place)
		return;
	if (*dir)
		stpcpy(stpcpy(stpcpy(place->path, dir), "/"), name);
	else
		stpcpy(place->path, name);
	stpcpy(place->cursor, START);
	LL_PREPEND(lease_scan->places, place);
}

/* Takes down what a step found in `place`, which is gone on with afterwards, or freed. */
static void go_on(struct lease_scan *lease_scan, struct place *place, const struct list_page *page)
{
	stpcpy(place->cursor, page->cursor);
	if (*place->cursor)
		LL_PREPEND(lease_scan->places, place);
	for (size_t i = 0; i < page->count; i++)
		add(lease_scan, place->path, page->items[i].name);
	if (!*place->cursor)
		free(place);
}

static void step(struct lease_scan *lease_scan);

static void on_step(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct lease_scan *lease_scan = call->ctx;
	struct place *place = lease_scan->current;
	bool stale = lease_scan->stale;
	struct list_page page = { 0 };

	(void)age_ms;
	lease_scan->current = NULL;
	lease_scan->stale = false;
	if (status == 0 && !stale)
		status = reply_lease_scan(reply, &page);
	if (status == 0 && !stale)
		go_on(lease_scan, place, &page);
	else
		free(place);
	free(page.items);
	if (status < 0 && !stale) {
		lease_scan_stop(lease_scan);
		lease_scan->broken = true;
	}
	step(lease_scan);
}

static void step(struct lease_scan *lease_scan)
{
	struct script_call *call;

	if (lease_scan->current || !lease_scan->places)
		return;
	call = script_call_new(lease_scan->calls, SCRIPT_LEASE_SCAN, lease_scan->places->path);
	if (!call) {
		lease_scan_stop(lease_scan);
		return;
	}
	lease_scan->current = lease_scan->places;
	LL_DELETE(lease_scan->places, lease_scan->current);
	script_call_add_text(call, lease_scan->current->cursor);
	call->done = on_step;
	call->ctx = lease_scan;
	script_call_start(call);
}

struct lease_scan *lease_scan_new(struct script_calls *calls)
{
	struct lease_scan *lease_scan = calloc(1, sizeof(*lease_scan));

	if (!lease_scan)
		return NULL;
	lease_scan->calls = calls;
	return lease_scan;
}

void lease_scan_start(struct lease_scan *lease_scan)
{
	lease_scan_stop(lease_scan);
	add(lease_scan, "", "");
	step(lease_scan);
}

void lease_scan_start_again(struct lease_scan *lease_scan)
{
	if (lease_scan->broken)
		lease_scan_start(lease_scan);
}

void lease_scan_stop(struct lease_scan *lease_scan)
{
	lease_scan->broken = false;
	while (lease_scan->places) {
		struct place *place = lease_scan->places;

		LL_DELETE(lease_scan->places, place);
		free(place);
	}
	/* The texts of a call under way are needed until it is answered. */
	lease_scan->stale = lease_scan->current != NULL;
}

void lease_scan_free(struct lease_scan *lease_scan)
{
	if (!lease_scan)
		return;
	lease_scan_stop(lease_scan);
	free(lease_scan->current);
	free(lease_scan);
}
