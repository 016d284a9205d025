/*
 * A process that aborts the FUSE connection if the daemon is killed, so that no caller hangs.
 *
 * The kernel closes /dev/fuse of a killed process when its last thread ends. The notifier's thread may be in the kernel
 * then, waiting for the lock of a directory that a caller holds while it waits for a reply of the daemon. So the
 * connection stays open, no call to the mount returns, and a new daemon cannot find out that the old one is dead
 * (Linux 6.18). Only aborting the connection ends that deadlock.
 */
#ifndef FS_START_PROCESS_WATCHDOG_H
#define FS_START_PROCESS_WATCHDOG_H

#include <sys/types.h>

/*
 * Starts the process for the filesystem with this device number. It aborts the connection when the calling thread
 * ends, unless watchdog_stop() is called first. Returns the process id, or 0 if there is no watchdog: the device number is 0,
 * or the control files of the connection cannot be opened (that takes /sys/fs/fuse/connections, or the right to mount),
 * or fork(2) failed, which is logged.
 */
pid_t watchdog_start(dev_t filesystem);

/* Accepts 0. */
void watchdog_stop(pid_t watchdog);

#endif
