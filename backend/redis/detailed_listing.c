/*
 * Reads a directory page by page by list_locks.lua. A cursor means something only to the process of the server that gave it, as
 * it is a position in a hash table whose seed is random: a listing that another process would go on with fails.
 */
#include "backend/redis/detailed_listing.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/redis_backend.h"
#include "backend/redis/reply/reply_locks.h"
#include "backend/redis/status/status_query.h"

/* The first cursors: of a listing, and of what follows it with the mount option `scan`. */
#define FIRST_CURSOR "d0"
#define SCAN_CURSOR "a0"

/* Changes when the connection is made to another process of the server. */
static uintptr_t server_number(const struct redis_backend *redis)
{
	return (uintptr_t)status_query_record(redis->status)->failovers;
}

static bool is_first(const struct listing *listing)
{
	return strcmp(listing->cursor, FIRST_CURSOR) == 0;
}

static void turn_page(const struct redis_backend *redis, struct listing *listing, const struct locks_page *page)
{
	bool was_scanning = *listing->cursor == *SCAN_CURSOR;

	listing->expected = page->expected;
	listing->dir = page->dir;
	stpcpy(listing->cursor, !*page->cursor && redis->scan && !was_scanning ? SCAN_CURSOR : page->cursor);
	listing->more = *listing->cursor;
	listing->repeats |= listing->more;
	listing->may_go_on = listing->more;
}

/* Shows a lock that may still be undone as a grant, which is nobody's yet. */
static void hide_undoable(const struct redis_backend *redis, const struct locks_page *page)
{
	for (size_t i = 0; i < page->lock_count; i++)
		if (redis_may_undo(redis, page->locks[i].nonce, page->locks[i].lock.token))
			page->locks[i].lock.granted = true;
}

static void on_page(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	const struct redis_backend *redis = call->owner;
	struct listing *listing = call->ctx;
	struct locks_page page = { 0 };

	if (status == 0 && !is_first(listing) && (uintptr_t)listing->pending != server_number(redis))
		status = -EIO;
	if (status == 0)
		status = reply_locks(reply, call->key, age_ms, &page);
	if (status == 0)
		hide_undoable(redis, &page);
	listing->pending = (void *)server_number(redis);
	listing->more = false;
	/* The directory may have been removed since the first page, so that no names are left. */
	if (!is_first(listing) && (status == -ENOENT || status == -ENOTDIR))
		status = 0;
	else if (status == 0)
		turn_page(redis, listing, &page);
	listing->done(listing, operation_status(status), page.items, page.count);
	locks_page_free(&page);
}

void list_locks(struct redis_backend *redis, struct listing *listing)
{
	struct script_call *call = script_call_new(redis->calls, SCRIPT_LIST_LOCKS, listing->path);

	if (!call) {
		listing->more = false;
		listing->done(listing, -ENOMEM, NULL, 0);
		return;
	}
	if (!*listing->cursor)
		stpcpy(listing->cursor, FIRST_CURSOR);
	call->done = on_page;
	call->owner = redis;
	call->ctx = listing;
	script_call_add_text(call, listing->cursor);
	operation_add_claim(call, listing->claim);
	script_call_start(call);
}
