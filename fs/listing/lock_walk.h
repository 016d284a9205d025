/*
 * Passes over all locks below a directory, one page of one directory at a time, as their reader asks for them. Directories that the
 * reader may not list and search are left out. A lock that is held all the time is told once, and no key is told twice.
 */
#ifndef FS_LISTING_LOCK_WALK_H
#define FS_LISTING_LOCK_WALK_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "backend/util/quota.h"
#include "fs/caller/permission.h"
#include "lockfs/backend.h"

struct lock_walk;

/* All at one mount. */
struct lock_walks {
	struct backend *backend;   /* set by the mount */
	struct lock_walk *waiting; /* passes whose next page is requested in the next turn of the loop */
	bool is_requesting;        /* a page is being requested, and may arrive within that call */
	uv_idle_t turn;            /* active while there are such passes */
};

/* What a pass is about, and what it calls. */
struct lock_walk_plan {
	const char *dir;                /* path; copied. Its own permissions are not checked */
	struct lock_claim claim;        /* of the reader; copied */
	const struct credentials *who;  /* the reader; lives until the pass is freed */
	struct quota *quota;            /* of bytes: memory for names counts for `uid` */
	uid_t uid;

	/* Tells one lock. Returns 0, or a negative errno that ends the pass. */
	int (*on_lock)(void *ctx, const struct lock *lock);

	/*
	 * Follows the locks of a page: 0, or the negative errno that ended the pass. `ended`: all locks were told. It may call
	 * lock_walk_next() or lock_walk_free().
	 */
	void (*on_page)(void *ctx, int status, bool ended);

	/* Does somebody wait for the page that has just arrived? Then the next one is asked for as well, if the backend can do that. */
	bool (*is_awaited)(void *ctx);

	void *ctx;
};

void lock_walks_init(struct lock_walks *walks, uv_loop_t *loop);

/* Called when all passes are freed, before the backend is closed. */
void lock_walks_stop(struct lock_walks *walks);

/* Begins a pass, without calling anything. Returns 0 and *ret, -ENOMEM, or the error of the quota. */
int lock_walk_new(struct lock_walks *walks, const struct lock_walk_plan *plan, struct lock_walk **ret);

/*
 * Asks for more locks: on_lock() is called for some, and then on_page() once, maybe before this returns. Not called while
 * a page is on its way, nor after the pass has ended.
 */
void lock_walk_next(struct lock_walk *walk);

/* Is a page on its way, without being asked for? on_page() will be called for it. */
bool lock_walk_goes_on(const struct lock_walk *walk);

/* Ends a pass at any time. It calls nothing any more. */
void lock_walk_free(struct lock_walk *walk);

#endif
