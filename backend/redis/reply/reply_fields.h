/* The elements of a reply, of whatever type the server gave them, and the texts within. For the files of this folder alone. */
#ifndef BACKEND_REDIS_REPLY_REPLY_FIELDS_H
#define BACKEND_REDIS_REPLY_REPLY_FIELDS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/* Times and leases in a reply are in ms; no server's clock is beyond this: the year 5138. */
#define NOW_MAX_MS INT64_C(100000000000000)

/* What PTTL says of a key without an expiry, and of one that is gone. */
#define PTTL_NEVER (-1)
#define PTTL_GONE (-2)

const redisReply *reply_element(const redisReply *reply, size_t index, int type);
const char *reply_text(const redisReply *reply, size_t index);

/* A number written as text; `fallback` where it is none. */
int64_t reply_number(const char *text, int64_t fallback);

/* A lease that ends; 0 where it is none. */
int64_t reply_lease(const char *text);

/* A time since the epoch in ms; 0 where it is none. */
int64_t reply_time(const char *text);

/* What the kernel takes as a name; whatever else is in the server is not ours. */
bool reply_is_name(const char *name);

/* Another client may have asked for more than we do. */
static inline int64_t reply_at_most(int64_t ms, int64_t most)
{
	return ms < most ? ms : most;
}

#endif
