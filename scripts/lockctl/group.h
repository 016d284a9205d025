/* The processes of a process group: whether some run, and stopping them all. */
#ifndef LOCKCTL_GROUP_H
#define LOCKCTL_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Does a process of the group run? Zombies do not count: nobody may be there to look after them. */
bool group_runs(pid_t group);

/* Waits a moment for the last members to end, or to leave as setsid(1) does in a child after its parent has ended. */
void group_settle(pid_t group);

/*
 * Ends a group: TERM, and KILL after a grace. Returns when none of it runs. `reap` is called before each look, for our own
 * children in it; NULL: there are none. `wake` is a descriptor that can be read when a child ended, or -1.
 */
void group_stop(pid_t group, int64_t grace_ms, void (*reap)(void *context), void *context, int wake);

#endif
