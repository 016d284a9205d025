/*
 * The watchdog opens the connection's `abort` file while the daemon lives, and then waits for the signal of its death
 * (PR_SET_PDEATHSIG). It shares no file, directory or terminal with the daemon.
 */
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

/* Sent by the kernel when the thread that started the watchdog has ended. Real-time signals are queued, so that none is lost. */
#define DEATH_SIGNAL SIGRTMIN

/* Differs from the daemon's name, so that pkill(1) of the daemon does not end the watchdog, too. */
#define PROCESS_NAME "lockfs-watchdog"

/* Makes a detached mount of the control files of all connections. Returns a descriptor, or -1 if this process may not mount. */
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
 * Opens the file that aborts the connection when it is written to. After the connection has ended, writing does nothing,
 * even if a new connection has the same number (fuse_ctl_remove_conn() in the kernel).
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

/* Renames the process in ps(1), also its command line, which the kernel reads from the memory where the arguments are. */
static void rename_process(void)
{
	char part[256];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t length;

	prctl(PR_SET_NAME, PROCESS_NAME);
	while (fd >= 0 && (length = read(fd, part, sizeof(part))) > 0)
		size += (size_t)length;
	if (fd >= 0)
		close(fd);
	if (size > 0)
		strncpy(program_invocation_name, PROCESS_NAME, size - 1); /* fills up with zeros */
}

/*
 * Waits until the daemon has ended. All signals are blocked; a death signal from any other sender is ignored.
 * Returns false if the kernel cannot send the death signal.
 */
static bool wait_for_death(pid_t daemon)
{
	sigset_t signals;
	siginfo_t info;

	sigemptyset(&signals);
	sigaddset(&signals, DEATH_SIGNAL);
	if (prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL) < 0)
		return false;
	/* The daemon may have ended before prctl(2); then no signal comes. */
	if (getppid() != daemon)
		return true;
	do {
		if (sigwaitinfo(&signals, &info) < 0)
			info.si_pid = 0;
	} while (info.si_pid != daemon);
	return true;
}

/* The watchdog process. It keeps nothing of the daemon in use: no file, no directory, no terminal. */
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
	/* Blocked before the fork, so that no signal of the child is lost or ends it. */
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
