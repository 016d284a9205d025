/* Reads a directory page by page: first list.lua, then with the mount option `scan` foreign_scan.lua. */
#include "backend/redis/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/reply/reply_list.h"

/* The first cursor of each script. The letter in front of a cursor tells the scripts apart. */
#define LIST_START "d0"
#define SCAN_START "a0"

static bool is_scanning(const struct listing *listing)
{
	return *listing->cursor == *SCAN_START;
}

/* Moves to the next page. If `scan` is set, the pages of foreign_scan.lua follow those of list.lua. */
static void turn_page(struct listing *listing, const struct list_page *page, bool scan)
{
	if (!is_scanning(listing))
		listing->expected = page->expected;
	stpcpy(listing->cursor, !*page->cursor && scan && !is_scanning(listing) ? SCAN_START : page->cursor);
	listing->more = *listing->cursor;
	listing->repeats |= listing->more;
}

static void finish(struct script_call *call, int status, const redisReply *reply, bool scan)
{
	struct listing *listing = call->ctx;
	bool first = strcmp(listing->cursor, LIST_START) == 0;
	struct list_page page = { 0 };

	if (status == 0)
		status = reply_list(reply, &page);
	listing->more = false;
	if (status == 0)
		turn_page(listing, &page, scan);
	else if (!first && (status == -ENOENT || status == -ENOTDIR))
		status = 0; /* the directory was removed since the first page, so no names are left */
	listing->done(listing, status == -EPROTO ? -EIO : status, page.items, page.count);
	free(page.items);
}

static void on_page(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)age_ms;
	finish(call, status, reply, false);
}

static void on_page_before_scan(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)age_ms;
	finish(call, status, reply, true);
}

void list_directory(struct script_calls *calls, struct listing *listing, bool scan)
{
	struct script_call *call;

	if (!*listing->cursor)
		stpcpy(listing->cursor, LIST_START);
	call = script_call_new(calls, is_scanning(listing) ? SCRIPT_FOREIGN_SCAN : SCRIPT_LIST, listing->path);
	if (!call) {
		listing->more = false;
		listing->done(listing, -ENOMEM, NULL, 0);
		return;
	}
	call->done = scan ? on_page_before_scan : on_page;
	call->ctx = listing;
	script_call_add_text(call, listing->cursor);
	script_call_start(call);
}
