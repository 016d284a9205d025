/*
 * Reads pages of names (list.lua, foreign_scan.lua, lease_scan.lua). Names that no file can have are left out.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_LIST_H
#define BACKEND_REDIS_REPLY_REPLY_LIST_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/* A page of names. Its texts are the reply's own. */
struct list_page {
	struct list_item *items; /* the caller frees it; NULL if `count` is 0 */
	size_t count;
	const char *cursor;      /* of the next page; "" if this was the last page */
	size_t expected;         /* about how many names all pages have */
};

/* Reads a page of list.lua or foreign_scan.lua. Returns 0; or -ENOMEM or -EPROTO with nothing to free. */
int reply_list(const redisReply *reply, struct list_page *ret);

/* Reads a step of lease_scan.lua: the directories that it found. Returns as reply_list(). */
int reply_lease_scan(const redisReply *reply, struct list_page *ret);

#endif
