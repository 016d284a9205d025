/*
 * POSIX sessions that were seen, told apart also where a number is used again.
 *
 * A session is named by its number and its leader's start. The number stays
 * taken while any process of the session lives, but the leader may be gone: then
 * it is the same session as the one seen before only if one of its processes was
 * there already at that time.
 */
#ifndef FS_SESSIONS_H
#define FS_SESSIONS_H

#include <stdint.h>
#include <sys/types.h>

#include "fs/table.h"

struct session_seen;

struct sessions {
	struct session_seen *by_number; /* the one seen longest ago first */
};

/*
 * The session of the thread `pid`: its number, and what with it names it for
 * good. Returns 0, -ESRCH where the process or its session cannot be seen, or -ENOMEM.
 */
int session_of(struct sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_start);

void sessions_free(struct sessions *sessions);

#endif
