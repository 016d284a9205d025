/*
 * Remembers which calls were answered ESTALE. The kernel looks the name up again after
 * ESTALE and repeats the system call, but once only: a second ESTALE would reach the
 * caller, who used a name and no descriptor. So the repetition is never answered ESTALE.
 *
 * The repetition comes from the thread of the first call, after a LOOKUP of the name, and
 * is about the node that this LOOKUP returned (fs/namei.c, do_filp_open() and
 * retry_estale(); observed on Linux 6.18). A request on a descriptor is not repeated, and
 * no LOOKUP precedes it.
 *
 * The same repetition gives a handle a node of its own: OPEN cannot change the node that the
 * kernel opens, but the LOOKUP between the two OPENs can find another one.
 *
 * A symbolic link that is followed is remembered in the same way, from READLINK to the LOOKUP of its target.
 */
#ifndef FS_NAMES_STALE_RETRY_H
#define FS_NAMES_STALE_RETRY_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/types.h>

struct retrying_user;
struct stale_retry;

/* All zero: no call is remembered. */
struct stale_retries {
	struct stale_retry *by_call; /* in the order in which they were answered */
	struct retrying_user *users; /* who have such calls */
};

/*
 * Returns -ESTALE if the kernel will repeat this call of the thread `caller` on the node
 * `number` of `key` (0: the call creates it). Returns `otherwise` if the call is the
 * repetition, or if there is no memory to recognize the repetition.
 */
int stale_retry_or(struct stale_retries *retries, const struct fuse_ctx *caller, const char *key, fuse_ino_t number,
                   int otherwise);

/* A LOOKUP of `key` by `thread` is answered with the node `number`. */
void stale_retries_looked_up(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number);

/*
 * The caller of this open(2) of the node `number` is to get a handle. Returns -ESTALE: the LOOKUP that follows finds
 * a node for a handle, see stale_retries_handle(), and the kernel opens that. Returns 0 if this is the repetition,
 * and the node cannot be changed: the call opens a descriptor (/proc/self/fd), which is never looked up, or another
 * request of the call was answered ESTALE, or the thread is not visible to the daemon (0), which cannot tell its LOOKUP
 * from those of others. Returns -ENOMEM.
 * `exists`: the lock existed when the call looked it up.
 */
int stale_retry_for_handle(struct stale_retries *retries, const struct fuse_ctx *caller, const char *key, fuse_ino_t number,
                           bool exists);

/* What a LOOKUP must find. */
enum handle_wanted {
	HANDLE_NOT_WANTED,
	HANDLE_IF_EXISTS, /* a node for a handle, if the backend has the lock */
	HANDLE_WANTED,    /* a node for a handle; the backend was asked before */
};

/*
 * Tells what this LOOKUP must find. Several can follow: each that finds another node than the kernel has makes the
 * kernel look the name up again, and other threads that open the same name change the node that the kernel has.
 */
enum handle_wanted stale_retries_handle(struct stale_retries *retries, pid_t thread, const char *key);

/* The thread has opened its handle. */
void stale_retries_got_handle(struct stale_retries *retries, pid_t thread, const char *key);

/*
 * Remembers that the caller is told where the symbolic link `link` leads: to `target`, the path of a name in the same
 * directory. If it follows the link, the LOOKUP of that name comes at once, from the same thread (observed on Linux 6.18); a
 * later one may be about the name itself. Returns 0 or -ENOMEM.
 */
int stale_retries_read_link(struct stale_retries *retries, const struct fuse_ctx *caller, const char *target, const char *link);

/* Returns the key of the symbolic link that a LOOKUP of `target` by `thread` follows, or NULL. It lives until the next call here. */
const char *stale_retries_followed_link(const struct stale_retries *retries, pid_t thread, const char *target);

void stale_retries_free(struct stale_retries *retries);

#endif
