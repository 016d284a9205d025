/*
 * Who was answered ESTALE. The kernel then looks the name up again and repeats the
 * system call, once: a second ESTALE reaches the caller, who asked for a name and knows
 * of nothing stale. So the second time another answer is given.
 *
 * The repetition comes from the same thread, after a LOOKUP of the same name, about the
 * node that this LOOKUP answered (fs/namei.c, do_filp_open() and retry_estale(); observed
 * on Linux 6.18). A request on a descriptor is not repeated and has no LOOKUP before it.
 */
#ifndef FS_NAMES_STALE_RETRY_H
#define FS_NAMES_STALE_RETRY_H

#include <fuse_lowlevel.h>
#include <sys/types.h>

struct stale_retry;

/* All zero is empty. */
struct stale_retries {
	struct stale_retry *by_call; /* those answered first come first */
};

/*
 * Returns -ESTALE if the kernel can repeat this call of `thread` on the node `number` of
 * `key` (0: it is to be created). If it is the repetition already, returns `otherwise`.
 */
int stale_retry_or(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number, int otherwise);

/* A LOOKUP of `key` by `thread` is answered with this node. */
void stale_retries_looked_up(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number);

void stale_retries_free(struct stale_retries *retries);

#endif
