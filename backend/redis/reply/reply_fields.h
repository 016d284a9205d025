/*
 * The elements of a reply, and the numbers and names written in them.
 * Only the files in this folder include this. A damaged value reads as a harmless one.
 */
#ifndef BACKEND_REDIS_REPLY_REPLY_FIELDS_H
#define BACKEND_REDIS_REPLY_REPLY_FIELDS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/* The latest time that the clock of a server is believed, in ms since the epoch: the year 5138. */
#define NOW_MAX_MS INT64_C(100000000000000)

/* What PTTL answers for a key without an expiry, and for a key that does not exist. */
#define PTTL_NEVER (-1)
#define PTTL_GONE (-2)

/* Returns the element at `index` if it exists and has this REDIS_REPLY_* type, else NULL. `reply` may be NULL. */
const redisReply *reply_element(const redisReply *reply, size_t index, int type);

/* Returns the text at `index`, or NULL if there is no text. */
const char *reply_text(const redisReply *reply, size_t index);

/* Reads a decimal number. Returns `fallback` if `text` is NULL or no number. */
int64_t reply_number(const char *text, int64_t fallback);

/* Reads a lease that ends, in ms. Returns 0 if `text` is no such lease. */
int64_t reply_lease(const char *text);

/* Reads a time in ms since the epoch. Returns 0 if `text` is no such time. */
int64_t reply_time(const char *text);

/* Returns true if the kernel accepts this as the name of a file. Other clients can put any name into the server. */
bool reply_is_name(const char *name);

/* Bounds a lease: another Redis client may have given its key a longer one than lockfs allows. */
static inline int64_t reply_at_most(int64_t ms, int64_t most)
{
	return ms < most ? ms : most;
}

#endif
