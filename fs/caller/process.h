/*
 * What the kernel tells of a process. All return 0, -ENOENT where it cannot be seen, or
 * another negative errno where nothing can, such as -EMFILE.
 */
#ifndef FS_CALLER_PROCESS_H
#define FS_CALLER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What with its number names a process for good: the inode number of its pidfd,
 * which no other process gets until the next boot (pidfs, Linux 6.9). On an older
 * kernel it is the start in clock ticks, which two processes of one number share
 * if the second starts within 10 ms of the first.
 */
int process_birth(pid_t pid, uint64_t *ret_birth);

/* When it started, in clock ticks since boot. */
int process_start(pid_t pid, uint64_t *ret_ticks);

/* A process, told from those that have its number later. */
struct process {
	pid_t pid; /* 0: none */
	uint64_t birth;
};

/* Takes down which process has this number now: none, and 0, where there is none to be seen. */
int process_now(pid_t pid, struct process *ret);

/* Does it live still? */
bool process_lives(const struct process *process);

/* Could `uid` send signals to whoever has this number now, as kill(2) has it? 0, or -EPERM where not. */
int process_takes_signals(pid_t pid, uid_t uid);

/* The process that a thread is of. */
int process_of_thread(pid_t thread, pid_t *ret);

/* The name of its command, cut to fit. */
int process_command(pid_t pid, char *text, size_t size);

#endif
