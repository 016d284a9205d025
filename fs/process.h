/*
 * What /proc tells of a process. All return 0, -ENOENT where it cannot be seen, or
 * another negative errno where nothing can, such as -EMFILE.
 */
#ifndef FS_PROCESS_H
#define FS_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* When it started, in clock ticks since boot: with its number it names a process for good. */
int process_start(pid_t pid, uint64_t *ret_ticks);

/* The process that a thread is of. */
int process_of_thread(pid_t thread, pid_t *ret);

/* The name of its command, cut to fit. */
int process_command(pid_t pid, char *text, size_t size);

#endif
