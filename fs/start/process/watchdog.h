/*
 * A process that aborts the connection if the daemon is killed, so that no caller hangs.
 *
 * The kernel closes /dev/fuse of a killed process when its last thread ends. The notifier's thread may be in the kernel
 * then, waiting for the lock of a directory. A caller holds that lock and waits for an answer of the daemon. So the
 * connection stays open, no call of the mount returns, and a new daemon cannot find out that the old one is dead
 * (Linux 6.18). Only aborting the connection ends that.
 */
#ifndef FS_START_PROCESS_WATCHDOG_H
#define FS_START_PROCESS_WATCHDOG_H

#include <sys/types.h>

/*
 * Starts the process for the mounted filesystem of this number. It aborts the connection when the calling thread
 * ends, unless watchdog_stop() came first. Returns its process, or 0 where there can be none: because the number is 0,
 * the kernel has no control files for us (it takes /sys/fs/fuse/connections, or the right to mount), or after logging
 * a line.
 */
pid_t watchdog_start(dev_t filesystem);

/* 0: there is none. */
void watchdog_stop(pid_t watchdog);

#endif
