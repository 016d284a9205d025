/*
 * Listing directories, a page a call. With the mount option `scan` the names of locks
 * that other Redis clients took come behind the others: they are in no index, so the
 * whole database is gone through.
 */
#ifndef BACKEND_REDIS_LISTING_H
#define BACKEND_REDIS_LISTING_H

#include "backend/redis/calls/script_call.h"

/* As list() in backend.h; `scan`: also what is in no index. */
void list_directory(struct script_calls *calls, struct listing *listing, bool scan);

#endif
