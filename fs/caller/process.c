/*
 * Reads /proc/PID and pidfds. An error that concerns one process (ended, hidden) becomes -ENOENT; other errors are kept, so that a
 * daemon without descriptors does not take a living process for a dead one.
 */
#include "fs/caller/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend/util/text/number.h"

/* The filesystem of pidfds (PID_FS_MAGIC of linux/magic.h), since Linux 6.9. */
#define PIDFS_MAGIC 0x50494446

/* Does the error say that the process does not exist or is hidden from the daemon? */
static bool is_unseen(int error)
{
	return error == ENOENT || error == ESRCH || error == EACCES || error == EPERM;
}

/* Reads a file of /proc/PID as text, as much as fits. */
static int read_proc(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t length;
	int err = ENOENT;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return is_unseen(errno) ? -ENOENT : -errno;
	length = read(fd, text, size - 1);
	if (length < 0 && !is_unseen(errno))
		err = errno;
	close(fd);
	if (length <= 0)
		return -err;
	text[length] = '\0';
	return 0;
}

/* Reads a number behind tabs in /proc/PID/status. Returns the position behind it, or NULL. */
static const char *read_field(const char *at, uint64_t max, uint64_t *ret)
{
	return number_read(at + strspn(at, "\t"), 10, max, ret);
}

/* Reads the state (a letter) and the start time in clock ticks from /proc/PID/stat (proc(5)). */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_ticks)
{
	enum { START_FIELD = 22, FIELD_AFTER_COMMAND = 3 };
	char text[1024];
	char *at;
	int err = read_proc(pid, "stat", text, sizeof(text));

	if (err < 0)
		return err;
	/* The command may contain spaces and parentheses; the fields after the last parenthesis do not. */
	at = strrchr(text, ')');
	if (!at || strlen(at) < sizeof(") S"))
		return -ENOENT;
	*ret_state = at[sizeof(") ") - 1];
	for (int field = FIELD_AFTER_COMMAND; at && field <= START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -ENOENT;
	return number_read(at + 1, 10, UINT64_MAX, ret_ticks) ? 0 : -ENOENT;
}

int process_start_ticks(pid_t pid, uint64_t *ret_ticks)
{
	char state;

	return read_stat(pid, &state, ret_ticks);
}

/* Opens a pidfd, or returns -1 with errno set: EINVAL if the number is only that of a thread or session. */
static int open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Does each process have a pidfd with an inode number of its own? Asked once. */
static bool has_pidfs(void)
{
	static enum { UNKNOWN, NO, YES } known = UNKNOWN;
	struct statfs filesystem;
	int fd;

	if (known != UNKNOWN)
		return known == YES;
	fd = open_process(getpid());
	if (fd < 0) {
		if (errno == ENOSYS)
			known = NO;
		return false;
	}
	if (fstatfs(fd, &filesystem) == 0)
		known = filesystem.f_type == PIDFS_MAGIC ? YES : NO;
	close(fd);
	return known == YES;
}

/* Reads the birth from a pidfd, and whether the process is a zombie. */
static int read_pidfd(pid_t pid, uint64_t *ret_birth, bool *ret_has_ended)
{
	struct pollfd end = { .fd = open_process(pid), .events = POLLIN };
	struct stat status;
	int err = 0;

	if (end.fd < 0)
		return is_unseen(errno) || errno == EINVAL ? -ENOENT : -errno;
	if (fstat(end.fd, &status) < 0 || poll(&end, 1, 0) < 0)
		err = -errno;
	close(end.fd);
	if (err < 0)
		return err;
	*ret_birth = status.st_ino;
	*ret_has_ended = end.revents & POLLIN;
	return 0;
}

/* Reads the birth, and whether the process is a zombie. */
static int read_birth(pid_t pid, uint64_t *ret_birth, bool *ret_has_ended)
{
	char state;
	int err;

	if (has_pidfs())
		return read_pidfd(pid, ret_birth, ret_has_ended);
	err = read_stat(pid, &state, ret_birth);
	if (err == 0)
		*ret_has_ended = state == 'Z' || state == 'X';
	return err;
}

int process_birth(pid_t pid, uint64_t *ret_birth)
{
	bool has_ended = false;

	return read_birth(pid, ret_birth, &has_ended);
}

int process_identify(pid_t pid, struct process *ret)
{
	uint64_t birth;
	int err = pid > 0 ? process_birth(pid, &birth) : -ENOENT;

	*ret = (struct process){ 0 };
	if (err == 0)
		*ret = (struct process){ .pid = pid, .birth = birth };
	return err == -ENOENT ? 0 : err;
}

bool process_lives(const struct process *process)
{
	uint64_t birth = 0;
	bool has_ended = true;

	return process->pid > 0 && read_birth(process->pid, &birth, &has_ended) == 0 && birth == process->birth &&
		!has_ended;
}

int process_check_signal(pid_t pid, uid_t uid)
{
	enum { REAL, EFFECTIVE, SAVED, UID_COUNT };
	uint64_t uids[UID_COUNT] = { 0 };
	char text[1024];
	const char *at;
	int err;

	if (uid == 0)
		return 0;
	err = read_proc(pid, "status", text, sizeof(text));
	if (err < 0)
		return err;
	/* The only text before this line is the command, whose newlines the kernel escapes. */
	at = strstr(text, "\nUid:");
	if (!at)
		return -ENOENT;
	at += strlen("\nUid:");
	for (int i = 0; i < UID_COUNT; i++)
		if (!(at = read_field(at, UINT32_MAX, &uids[i])))
			return -ENOENT;
	return uid == uids[REAL] || uid == uids[SAVED] ? 0 : -EPERM;
}

int process_of_thread(pid_t thread, pid_t *ret)
{
	char text[1024];
	const char *at;
	uint64_t pid;
	int err;

	/* Most threads are the first of their process and have its id. Signal 0 checks that without sending anything. */
	if (tgkill(thread, thread, 0) == 0) {
		*ret = thread;
		return 0;
	}
	err = read_proc(thread, "status", text, sizeof(text));
	if (err < 0)
		return err;
	/* The only text before this line is the command, whose newlines the kernel escapes. */
	at = strstr(text, "\nTgid:");
	if (!at || !read_field(at + strlen("\nTgid:"), INT_MAX, &pid))
		return -ENOENT;
	*ret = (pid_t)pid;
	return 0;
}

int process_command(pid_t pid, char *text, size_t size)
{
	int err = read_proc(pid, "comm", text, size);

	if (err < 0)
		return err;
	text[strcspn(text, "\n")] = '\0';
	return 0;
}
