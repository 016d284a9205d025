#include "backend/redis/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/clock.h"
#include "backend/redis/reply.h"
#include "backend/table.h"

/* A step may tell of a name twice, or of one that the index has. */
struct found {
	enum entry_kind kind;
	UT_hash_handle hh;
	char name[];
};

struct scan {
	struct calls *calls;
	struct found *found;
	int64_t deadline_ns; /* of the whole: CLOCK_BOOTTIME */
	backend_list_done *done;
	void *ctx;
	char cursor[CALL_NUMBER_MAX];
	char path[LOCK_KEY_MAX + 1];
};

static int add_found(struct scan *scan, const char *name, enum entry_kind kind)
{
	struct found *found;

	HASH_FIND_STR(scan->found, name, found);
	if (found)
		return 0;
	found = calloc(1, sizeof(*found) + strlen(name) + 1);
	if (!found)
		return -ENOMEM;
	found->kind = kind;
	stpcpy(found->name, name);
	HASH_ADD_STR(scan->found, name, found);
	if (!found->hh.tbl) {
		free(found);
		return -ENOMEM;
	}
	return 0;
}

static void answer(struct scan *scan, int status)
{
	size_t count = HASH_COUNT(scan->found);
	struct list_item *items = status == 0 && count ? calloc(count, sizeof(*items)) : NULL;
	struct found *found, *next;
	size_t index = 0;

	if (status == 0 && count && !items)
		status = -ENOMEM;
	HASH_ITER(hh, scan->found, found, next)
		if (items)
			items[index++] = (struct list_item){ .name = found->name, .kind = found->kind };
	scan->done(scan->ctx, status, items, index);
	HASH_ITER(hh, scan->found, found, next) {
		HASH_DELETE(hh, scan->found, found);
		free(found);
	}
	free(items);
	free(scan);
}

static void on_step(struct call *call, int status, const redisReply *reply, int64_t age_ms);

static void start_step(struct scan *scan)
{
	struct call *call = call_new(scan->calls, SCRIPT_SCAN, scan->path);

	if (!call) {
		answer(scan, -ENOMEM);
		return;
	}
	call->done = on_step;
	call->ctx = scan;
	call_add_text(call, scan->cursor);
	call_start(call);
}

static int add_items(struct scan *scan, const struct list_item *items, size_t count)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < count; i++)
		err = add_found(scan, items[i].name, items[i].kind);
	return err;
}

static void on_step(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct scan *scan = call->ctx;
	struct list_item *items = NULL;
	size_t count = 0;

	(void)age_ms;
	if (status == 0)
		status = reply_scan(reply, scan->cursor, sizeof(scan->cursor), &items, &count);
	if (status == 0)
		status = add_items(scan, items, count);
	free(items);
	if (status == 0 && strcmp(scan->cursor, "0") != 0 && boot_ns() >= scan->deadline_ns)
		status = -ETIMEDOUT;
	if (status == 0 && strcmp(scan->cursor, "0") != 0)
		start_step(scan);
	else
		answer(scan, status == -EPROTO ? -EIO : status);
}

static void on_index(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct scan *scan = call->ctx;
	struct list_item *items = NULL;
	size_t count = 0;

	(void)age_ms;
	if (status == 0)
		status = reply_list(reply, &items, &count);
	if (status == 0)
		status = add_items(scan, items, count);
	free(items);
	if (status == 0)
		start_step(scan);
	else
		answer(scan, status == -EPROTO ? -EIO : status);
}

void scan_list(struct calls *calls, const char *path, int64_t timeout_ms, backend_list_done *done, void *ctx)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	struct call *call = scan ? call_new(calls, SCRIPT_LIST, path) : NULL;

	if (!call) {
		free(scan);
		done(ctx, -ENOMEM, NULL, 0);
		return;
	}
	scan->calls = calls;
	scan->deadline_ns = boot_ns() + timeout_ms * NS_PER_MS;
	scan->done = done;
	scan->ctx = ctx;
	stpcpy(scan->cursor, "0");
	stpcpy(scan->path, path);
	call->done = on_index;
	call->ctx = scan;
	call_start(call);
}
