/*
 * A process beside the daemon that frees its callers if the daemon is killed.
 *
 * A process that is killed closes its descriptors with its last thread. The notifier's may stand in the kernel then,
 * waiting for a directory that a caller holds, who waits for an answer of the daemon: /dev/fuse stays open, so
 * that no call of the mount ever returns, and no other daemon can find out that this one is dead (Linux 6.18). Only
 * aborting the connection ends that, which needs somebody who is still there.
 */
#ifndef FS_WATCHDOG_H
#define FS_WATCHDOG_H

#include <sys/types.h>

/*
 * Starts it for the mounted filesystem of this number. It aborts the connection when the thread that called this
 * ends, unless watchdog_stop() came first. Returns its process, or 0 where there can be none: because the number is 0,
 * the kernel has no control files for us (it takes /sys/fs/fuse/connections, or the right to mount), or after logging
 * a line.
 */
pid_t watchdog_start(dev_t filesystem);

/* 0: there is none. */
void watchdog_stop(pid_t watchdog);

#endif
