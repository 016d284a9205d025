/* Acquiring a lock for a request, by CREATE or FLOCK. */
#ifndef FS_OPS_REQUEST_ACQUIRE_H
#define FS_OPS_REQUEST_ACQUIRE_H

#include <stdbool.h>

#include "fs/names/patience.h"
#include "lockfs/backend.h"

struct request;

struct acquire_options {
	struct patience patience;
	enum lock_mode mode;
	mode_t permissions; /* permission bits with which the lock begins; a conversion keeps those that it has */
	enum lock_form form;
	const char *target; /* of a symbolic link, which lives until `done`; else NULL */
	const char *source; /* key of the lock that is linked or moved, which lives until `done`; NULL: none */
	struct holding_match source_match;
	bool moves; /* the source is moved, and ends */
	uint64_t replaces; /* the holding to be converted, which request->acquire.id proves; 0: none */
	bool bound; /* the holding is bound to an open file */
	bool exclusive_even_for_me; /* a lock that the caller already holds is busy for it too */
};

/* Acquires or converts request->key. Sets request->acquire; calls `done` exactly once, with the request, possibly at once. */
void acquire_start(struct request *request, const struct acquire_options *options, backend_lock_done *done);

/*
 * Checks the limits of a bound holding that are known before the backend is asked. Returns 0, or a negative errno:
 * memory is short, or the user has too many renewals.
 */
int acquire_admits_bound(struct request *request);

/*
 * Gives back the holding `token`, because the kernel did not take the reply, and ends the request. The holding stays
 * if another caller with its id has been told meanwhile that it holds the lock.
 */
void acquire_give_back(struct request *request, uint64_t token);

#endif
