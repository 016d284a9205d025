/* Pages of names in a reply. */
#ifndef BACKEND_REDIS_REPLY_REPLY_LIST_H
#define BACKEND_REDIS_REPLY_REPLY_LIST_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/* A page of a listing, whose texts are the reply's own. */
struct list_page {
	struct list_item *items; /* that the caller frees; NULL: there are none */
	size_t count;
	const char *cursor;      /* of the next page; "": there is none */
	size_t expected;         /* names of all pages, about */
};

/* Reads a page of list.lua or foreign_scan.lua. Returns 0, -ENOMEM or -EPROTO, and then nothing is to be freed. */
int reply_list(const redisReply *reply, struct list_page *ret);

/* Reads a step of lease_scan.lua: the directories that it found, whose texts are the reply's own. */
int reply_lease_scan(const redisReply *reply, struct list_page *ret);

#endif
