/*
 * POSIX sessions that were seen, told apart also where a number is used again.
 *
 * A session is named by its number and its leader's birth (process.h). The number stays
 * taken while any process of the session lives, but the leader may be gone: then
 * it is the same session as the one seen before only if one of its processes was
 * there already when the leader died, which is watched for.
 */
#ifndef FS_CALLER_POSIX_SESSION_H
#define FS_CALLER_POSIX_SESSION_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "backend/util/hash.h"

struct posix_session;

struct posix_sessions {
	struct posix_session *by_number; /* the one seen longest ago first */
	int deaths_fd;                  /* an epoll of living leaders */
	size_t watched;
	size_t watched_most; /* set by the owner; each that is watched takes a descriptor */
	uv_poll_t deaths;
};

/* How many sessions a daemon that may have so many descriptors watches: a part of them, as others need some. */
size_t posix_sessions_watched_most(size_t descriptors);

/* Returns 0 or a negative errno; then there is nothing to close. */
int posix_sessions_init(struct posix_sessions *sessions, uv_loop_t *loop);

/* Stops watching. The memory of the struct may go after the loop's next turn. */
void posix_sessions_stop(struct posix_sessions *sessions);

/*
 * The session of the thread `pid`: its number, and what with it names it for
 * good. Returns 0, -ESRCH where the process or its session cannot be seen, or -ENOMEM.
 */
int posix_session_of(struct posix_sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_birth);

void posix_sessions_free(struct posix_sessions *sessions);

#endif
