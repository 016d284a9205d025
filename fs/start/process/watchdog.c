#include "fs/start/process/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/start/process/descriptors.h"
#include "fs/util/log.h"

/* What the kernel sends it when the thread that started it has ended: one that waits in line behind others of its kind. */
#define DEATH_SIGNAL SIGRTMIN

/* Not the name of the daemon, so that nobody ends both for one. */
#define NAME "lockfs-watchdog"

/* The control files of all connections, mounted where nobody sees them. Returns a descriptor, or -1 where we may not mount. */
static int mount_control(void)
{
	int context = fsopen("fusectl", FSOPEN_CLOEXEC);
	int mount = -1;

	if (context < 0)
		return -1;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	close(context);
	return mount;
}

/*
 * Writing to the file aborts the connection, and does nothing once that has ended, although another may
 * have its number by then (fuse_ctl_remove_conn() in the kernel).
 */
static int open_abort(dev_t filesystem)
{
	int mount = mount_control();
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s%u/abort", mount < 0 ? "/sys/fs/fuse/connections/" : "", minor(filesystem));
	fd = openat(mount, name, O_WRONLY | O_CLOEXEC);
	if (mount >= 0)
		close(mount);
	return fd;
}

/* In the list of processes; there the arguments are what the process has in their place in its memory. */
static void rename_process(void)
{
	char part[256];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t length;

	prctl(PR_SET_NAME, NAME);
	while (fd >= 0 && (length = read(fd, part, sizeof(part))) > 0)
		size += (size_t)length;
	if (fd >= 0)
		close(fd);
	if (size > 0)
		strncpy(program_invocation_name, NAME, size - 1); /* fills up with zeros */
}

/* All signals are blocked. Whoever sends one by hand means the daemon. False: it cannot be told of the end. */
static bool wait_for_death(pid_t daemon)
{
	sigset_t signals;
	siginfo_t info;

	sigemptyset(&signals);
	sigaddset(&signals, DEATH_SIGNAL);
	if (prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL) < 0)
		return false;
	/* It may have ended before. */
	if (getppid() != daemon)
		return true;
	do {
		if (sigwaitinfo(&signals, &info) < 0)
			info.si_pid = 0;
	} while (info.si_pid != daemon);
	return true;
}

/* It keeps nothing of the daemon in use: no file, no directory, no terminal. */
static _Noreturn void watch(pid_t daemon, int abort_fd)
{
	const int kept = STDIN_FILENO;

	if (dup2(abort_fd, kept) < 0)
		_exit(1);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	descriptors_close_inherited(NULL, 0);
	rename_process();
	setsid();
	if (chdir("/") < 0 || !wait_for_death(daemon))
		_exit(1);
	_exit(write(kept, "1", 1) == 1 ? 0 : 1);
}

pid_t watchdog_start(dev_t filesystem)
{
	int abort_fd = filesystem ? open_abort(filesystem) : -1;
	pid_t daemon = getpid();
	sigset_t all, before;
	pid_t watchdog;

	if (abort_fd < 0)
		return 0;
	/* From before there is a child, so that none of its signals is lost or ends it. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	watchdog = fork();
	if (watchdog == 0)
		watch(daemon, abort_fd);
	if (watchdog < 0)
		log_line(LOG_WARNING, "cannot start the process that frees callers if this daemon is killed: %s",
			strerror(errno));
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(abort_fd);
	return watchdog < 0 ? 0 : watchdog;
}

void watchdog_stop(pid_t watchdog)
{
	if (watchdog == 0)
		return;
	kill(watchdog, SIGKILL);
	while (waitpid(watchdog, NULL, 0) < 0 && errno == EINTR)
		;
}
