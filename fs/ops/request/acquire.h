/* Acquiring on behalf of a request, whether by creating a file or by flock(2). */
#ifndef FS_OPS_REQUEST_ACQUIRE_H
#define FS_OPS_REQUEST_ACQUIRE_H

#include "fs/ops/request/request.h"

/* How an acquisition is meant. */
struct acquire_options {
	struct patience patience;
	bool bound; /* to an open file */
	bool exclusive_even_for_me; /* a lock that the caller already holds is busy for it too */
};

/* Asks for the lock at request->key; sets request->acquire. `done` is told once, with the request. */
void acquire_start(struct request *request, const struct acquire_options *wish, backend_lock_done *done);

/* May the caller have another lock bound to an open file, as far as is known before it is asked for? Or a negative errno. */
int acquire_admits_bound(struct request *request);

/*
 * Nobody took the answer: gives this holding back, unless somebody else of its id was
 * told that he holds it, and ends the request.
 */
void acquire_give_back(struct request *request, uint64_t token);

#endif
