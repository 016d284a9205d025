/*
 * Recognises POSIX sessions, also after a session id is used again.
 *
 * A session is named by its id and its leader's birth (process.h). The id stays taken while any process of the session
 * lives, but the leader may have ended. Then a session with this id is the one seen before only if one of its
 * processes existed already when the leader ended; so leaders are watched.
 */
#ifndef FS_CALLER_POSIX_SESSION_H
#define FS_CALLER_POSIX_SESSION_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "backend/util/hash.h"

struct posix_session;

struct posix_sessions {
	struct posix_session *by_number; /* least recently seen first */
	int deaths_fd;                   /* epoll(7) of the pidfds of watched leaders */
	size_t watched;                  /* number of watched leaders */
	size_t watch_limit;              /* set by the owner; each watched leader takes a descriptor */
	uv_poll_t deaths;                /* polls deaths_fd */
};

/* The number of leaders to watch if the daemon may open `descriptors` files: an eighth of them, at most 256. */
size_t posix_sessions_watch_limit(size_t descriptors);

/* Returns 0 or a negative errno; after an error there is nothing to close. */
int posix_sessions_init(struct posix_sessions *sessions, uv_loop_t *loop);

/* Stops watching. The struct may be freed after the loop's next iteration. */
void posix_sessions_stop(struct posix_sessions *sessions);

/*
 * Finds the session of the thread `pid`: its id, and the birth that with the id is unique within this boot. Returns 0,
 * -ESRCH if the process or its session cannot be seen, -ENOMEM, or another negative errno such as -EMFILE.
 */
int posix_session_of(struct posix_sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_birth);

void posix_sessions_free(struct posix_sessions *sessions);

#endif
