/*
 * Lists directories, one page a call. With the mount option `scan`, the names of locks that other
 * Redis clients took follow: no index has them, so the whole database is scanned.
 */
#ifndef BACKEND_REDIS_LISTING_H
#define BACKEND_REDIS_LISTING_H

#include "backend/redis/calls/script_call.h"

/* list() of backend.h. `scan`: the mount option. */
void list_directory(struct script_calls *calls, struct listing *listing, bool scan);

#endif
