/*
 * Remembers which calls were answered ESTALE. The kernel looks the name up again after
 * ESTALE and repeats the system call, but once only: a second ESTALE would reach the
 * caller, who used a name and no descriptor. So the repetition is never answered ESTALE.
 *
 * The repetition comes from the thread of the first call, after a LOOKUP of the name, and
 * is about the node that this LOOKUP returned (fs/namei.c, do_filp_open() and
 * retry_estale(); observed on Linux 6.18). A request on a descriptor is not repeated, and
 * no LOOKUP precedes it.
 */
#ifndef FS_NAMES_STALE_RETRY_H
#define FS_NAMES_STALE_RETRY_H

#include <fuse_lowlevel.h>
#include <sys/types.h>

struct stale_retry;

/* All zero: no call is remembered. */
struct stale_retries {
	struct stale_retry *by_call; /* in the order in which they were answered */
};

/*
 * Returns -ESTALE if the kernel will repeat this call of `thread` on the node `number` of
 * `key` (0: the call creates it). Returns `otherwise` if the call is the repetition, or if
 * there is no memory to recognize the repetition.
 */
int stale_retry_or(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number, int otherwise);

/* A LOOKUP of `key` by `thread` is answered with the node `number`. */
void stale_retries_looked_up(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number);

void stale_retries_free(struct stale_retries *retries);

#endif
