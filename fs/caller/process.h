/*
 * Facts about processes from /proc and pidfds. Unless stated otherwise, functions return 0, -ENOENT if the process has ended or
 * is hidden, or another negative errno if no process can be read, such as -EMFILE.
 */
#ifndef FS_CALLER_PROCESS_H
#define FS_CALLER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads the birth, a number that together with the process id is unique within a boot: the inode number of the process's pidfd
 * (pidfs, Linux 6.9). On older kernels it is the start time in clock ticks, which two processes with one id
 * share if the second starts within 10 ms of the first.
 */
int process_birth(pid_t pid, uint64_t *ret_birth);

/* Reads the start time in clock ticks since boot. */
int process_start_ticks(pid_t pid, uint64_t *ret_ticks);

/* A process, distinguished from later ones with its id. */
struct process {
	pid_t pid; /* 0: no process */
	uint64_t birth;
};

/* Fills in the process that has this id now. If none can be seen, ret->pid is 0 and the function returns 0. */
int process_identify(pid_t pid, struct process *ret);

/* Does the process still live? */
bool process_lives(const struct process *process);

/* May `uid` send signals to the process that has this id now, by the rules of kill(2)? Returns -EPERM if not. */
int process_check_signal(pid_t pid, uid_t uid);

/* Finds the process of a thread. */
int process_of_thread(pid_t thread, pid_t *ret);

/* Reads the name of the command, cut off to fit. */
int process_command(pid_t pid, char *text, size_t size);

#endif
