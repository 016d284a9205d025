/* Locking an open file for a request of flock(2) or fcntl(2). */
#ifndef FS_OPS_FILE_LOCK_H
#define FS_OPS_FILE_LOCK_H

#include <stdbool.h>

struct lock_file;
struct request;

/*
 * Locks request->acquire.file, in request->acquire.mode, waiting unless request->acquire.non_blocking, and replies. A request of
 * fcntl(2) has begun request->posix.
 */
void file_lock(struct request *request);

/* Has the file a lock that has not ended, as far as is known? */
bool file_lock_is_held(const struct lock_file *file);

/* Ends the calls, other than `but`, that wait to lock this open file, and may share what it has locked now. */
void file_lock_end_others(const struct lock_file *file, const struct request *but);

/* A backend_done callback that replies to a request to unlock; `ctx` is the request. */
void file_lock_on_unlocked(void *ctx, int status);

#endif
