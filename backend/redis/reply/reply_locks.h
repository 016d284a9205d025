/* Reads pages of directories with what their locks are like (list_locks.lua). Names that no file can have are left out. */
#ifndef BACKEND_REDIS_REPLY_REPLY_LOCKS_H
#define BACKEND_REDIS_REPLY_REPLY_LOCKS_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/* A lock on a page. */
struct listed_lock {
	struct lock lock;
	const char *nonce; /* of the acquisition, if the calling mount made it, its caller may prove it, and it may still be undone; else NULL */
};

/* A page. Its texts are the reply's own. */
struct locks_page {
	struct list_item *items;   /* the directories, then the locks in the order of `locks`; NULL if `count` is 0 */
	struct listed_lock *locks;
	size_t count;              /* of `items` */
	size_t lock_count;
	char *keys;                /* of the locks */
	const char *cursor;        /* of the next page; "" if this was the last page */
	size_t expected;           /* about how many names all pages have */
	struct dir_info dir;       /* mode, uid and gid of the directory */
};

/*
 * Reads a page of the directory `path`. `age_ms` is the most that the reply can be old. Returns 0; or -ENOMEM or -EPROTO with nothing to free.
 */
int reply_locks(const redisReply *reply, const char *path, int64_t age_ms, struct locks_page *ret);

/* Frees what reply_locks() allocated. */
void locks_page_free(struct locks_page *page);

#endif
