/*
 * Walks a tree of directories, depth first. What it keeps is the paths of directories that were found and not listed yet, and
 * hashes of the names in a directory that has more than one page.
 */
#include "fs/listing/lock_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/util/text_copy.h"
#include "fs/listing/name_set.h"
#include "lockfs/lock.h"

/* A directory that is to be listed. */
struct found_dir {
	struct found_dir *next;
	bool is_top; /* the directory of the plan */
	char path[];
};

struct lock_walk {
	struct lock_walks *walks;
	struct lock_walk_plan plan; /* without `dir` and `claim` */
	struct found_dir *dirs;     /* found and not listed yet */
	struct found_dir *current;  /* being listed; NULL: none */
	struct listing listing;     /* of `current` */
	struct name_set seen;       /* names in `current`, if it has several pages */
	size_t told;                /* locks told of the last page */
	bool is_requesting;         /* the backend has the listing */
	bool is_going_on;           /* go_on_early() runs */
	int early_status;           /* 0, or the error that it met at once */
	bool is_waiting;            /* in walks->waiting */
	bool is_freed;              /* lock_walk_free() was called meanwhile */
	struct lock_walk *prev, *next; /* in walks->waiting */
	struct kept_claim claim;
};

static size_t dir_bytes(const char *path)
{
	return quota_bytes(sizeof(struct found_dir) + strlen(path) + 1);
}

static void free_dir(struct lock_walk *walk, struct found_dir *dir)
{
	quota_give(walk->plan.quota, walk->plan.uid, dir_bytes(dir->path));
	free(dir);
}

/* Adds the directory `name` in `path`; `path` NULL: `name` is the path of the plan. */
static int add_dir(struct lock_walk *walk, const char *path, const char *name)
{
	size_t length = (path ? strlen(path) + 1 : 0) + strlen(name);
	struct found_dir *dir = calloc(1, sizeof(*dir) + length + 1);
	int err;

	if (!dir)
		return -ENOMEM;
	dir->is_top = !path;
	stpcpy(stpcpy(stpcpy(dir->path, path ? path : ""), path && *path ? "/" : ""), name);
	err = quota_take(walk->plan.quota, walk->plan.uid, dir_bytes(dir->path));
	if (err < 0) {
		free(dir);
		return err;
	}
	LL_PREPEND(walk->dirs, dir);
	return 0;
}

static void end_listing(struct lock_walk *walk)
{
	if (walk->listing.more)
		backend_list_end(walk->walks->backend, &walk->listing);
	walk->listing.more = false;
	name_set_clear(&walk->seen);
	if (walk->current)
		free_dir(walk, walk->current);
	walk->current = NULL;
}

static void free_walk(struct lock_walk *walk)
{
	end_listing(walk);
	while (walk->dirs) {
		struct found_dir *dir = walk->dirs;

		LL_DELETE(walk->dirs, dir);
		free_dir(walk, dir);
	}
	free(walk);
}

/* Reading pages */

/* Would listing this directory, and finding the locks in it, be allowed? */
static bool may_list(const struct lock_walk *walk)
{
	const struct permissions permissions = permissions_of_dir(&walk->listing.dir);

	return walk->current->is_top || permission_check(walk->plan.who, &permissions, R_OK | X_OK) == 0;
}

static int take_item(struct lock_walk *walk, const struct list_item *item)
{
	int err = 1;

	if (walk->listing.more || walk->seen.count > 0)
		err = name_set_add(&walk->seen, item->name);
	if (err <= 0)
		return err;
	/* The key of another Redis client may be too long for a directory or lock of lockfs. */
	if (strlen(walk->current->path) + 1 + strlen(item->name) > LOCK_KEY_MAX || strlen(item->name) > LOCK_NAME_MAX)
		return 0;
	if (item->kind == ENTRY_DIR)
		return add_dir(walk, walk->current->path, item->name);
	walk->told++;
	return walk->plan.on_lock(walk->plan.ctx, item->lock);
}

/* A directory that may not be listed ends here. */
static int take_page(struct lock_walk *walk, const struct list_item *items, size_t count)
{
	int err = 0;

	if (!may_list(walk)) {
		end_listing(walk);
		return 0;
	}
	for (size_t i = 0; err == 0 && i < count; i++)
		err = take_item(walk, &items[i]);
	return err;
}

static void wait_for_turn(struct lock_walk *walk);
static void request_page(struct lock_walk *walk);

/* Asks for the next page before this one is used, if its reader waits: the server then works while the daemon does. */
static void go_on_early(struct lock_walk *walk)
{
	walk->early_status = 0;
	if (!walk->listing.more || !walk->listing.may_go_on || !may_list(walk) || !walk->plan.is_awaited(walk->plan.ctx))
		return;
	walk->is_going_on = true;
	request_page(walk);
	walk->is_going_on = false;
}

static void on_page(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct lock_walk *walk = listing->ctx;
	bool is_gone = !walk->current->is_top && (status == -ENOENT || status == -ENOTDIR);

	walk->is_requesting = false;
	/* The backend fails at once, while the page before is not used yet. */
	if (walk->is_going_on) {
		walk->early_status = status < 0 ? status : -EIO;
		return;
	}
	if (walk->is_freed) {
		free_walk(walk);
		return;
	}
	walk->told = 0;
	if (status == 0) {
		go_on_early(walk);
		status = take_page(walk, items, count);
		if (status == 0)
			status = walk->early_status;
	}
	if (!walk->is_requesting && (status < 0 || !listing->more))
		end_listing(walk);
	if (is_gone)
		status = 0;
	if (status < 0 || walk->told > 0 || (!walk->current && !walk->dirs))
		walk->plan.on_page(walk->plan.ctx, status, !walk->current && !walk->dirs);
	else if (!walk->is_requesting)
		wait_for_turn(walk);
}

static void begin_listing(struct lock_walk *walk)
{
	walk->current = walk->dirs;
	LL_DELETE(walk->dirs, walk->current);
	walk->listing = (struct listing){
		.path = walk->current->path,
		.done = on_page,
		.ctx = walk,
		.detailed = true,
		.claim = &walk->claim.claim,
	};
}

static void request_page(struct lock_walk *walk)
{
	struct lock_walks *walks = walk->walks;

	if (!walk->current)
		begin_listing(walk);
	walk->is_requesting = true;
	walks->is_requesting = true;
	backend_list(walks->backend, &walk->listing);
	walks->is_requesting = false;
}

/* Turns */

static void leave_turn(struct lock_walk *walk)
{
	DL_DELETE(walk->walks->waiting, walk);
	walk->is_waiting = false;
}

/* Each waiting pass gets one page. Those that wait again are behind it in the list. */
static void on_turn(uv_idle_t *turn)
{
	struct lock_walks *walks = turn->data;
	size_t count = 0;
	struct lock_walk *walk;

	DL_COUNT(walks->waiting, walk, count);
	for (; walks->waiting && count > 0; count--) {
		walk = walks->waiting;
		leave_turn(walk);
		request_page(walk);
	}
	if (!walks->waiting)
		uv_idle_stop(turn);
}

static void wait_for_turn(struct lock_walk *walk)
{
	DL_APPEND(walk->walks->waiting, walk);
	walk->is_waiting = true;
	uv_idle_start(&walk->walks->turn, on_turn);
}

void lock_walk_next(struct lock_walk *walk)
{
	/* Pages that arrive at once and are followed by the next one must not pile up on the stack, nor keep others waiting. */
	if (walk->walks->is_requesting)
		wait_for_turn(walk);
	else
		request_page(walk);
}

bool lock_walk_goes_on(const struct lock_walk *walk)
{
	return walk->is_requesting;
}

/* Passes */

int lock_walk_new(struct lock_walks *walks, const struct lock_walk_plan *plan, struct lock_walk **ret)
{
	struct lock_walk *walk = calloc(1, sizeof(*walk));
	int err;

	if (!walk)
		return -ENOMEM;
	walk->walks = walks;
	walk->plan = *plan;
	name_set_init(&walk->seen, plan->quota, plan->uid);
	claim_keep(&walk->claim, &plan->claim);
	err = add_dir(walk, NULL, plan->dir);
	if (err < 0) {
		free(walk);
		return err;
	}
	*ret = walk;
	return 0;
}

void lock_walk_free(struct lock_walk *walk)
{
	if (walk->is_waiting)
		leave_turn(walk);
	walk->is_freed = true;
	if (!walk->is_requesting)
		free_walk(walk);
}

void lock_walks_init(struct lock_walks *walks, uv_loop_t *loop)
{
	*walks = (struct lock_walks){ 0 };
	uv_idle_init(loop, &walks->turn);
	walks->turn.data = walks;
}

void lock_walks_stop(struct lock_walks *walks)
{
	uv_close((uv_handle_t *)&walks->turn, NULL);
}
