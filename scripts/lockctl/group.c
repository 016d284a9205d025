/*
 * Finds the members of a process group in /proc, and waits for their end by pidfds: one that is not our child tells us nothing
 * else, and its number may be another process's soon.
 */
#include "scripts/lockctl/group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "backend/util/clock.h"

/* Members that are waited for at a time; for the others, the group is looked through again. */
#define MEMBERS_MAX 32

/* Time between two looks if no pidfd tells of an end. */
#define LOOK_MS 50

#define SETTLE_MS 200
#define SETTLE_LOOK_MS 5

/* Is this process of the group, and not a zombie? */
static bool is_member(const char *pid, pid_t group)
{
	char path[64], stat[512], state;
	const char *behind_name;
	ssize_t length;
	int fd, its_group;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (length <= 0)
		return false;
	stat[length] = '\0';
	behind_name = strrchr(stat, ')'); /* the name may be anything */
	if (!behind_name || sscanf(behind_name + 1, " %c %*d %d", &state, &its_group) != 2) /* NOLINT(cert-err34-c): by the kernel */
		return false;
	return its_group == group && state != 'Z' && state != 'X';
}

/* Calls `each` with members until it returns false. Returns how many there were. */
static size_t find_members(pid_t group, bool (*each)(pid_t pid, void *context), void *context)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !is_member(entry->d_name, group))
			continue;
		count++;
		if (!each((pid_t)strtol(entry->d_name, NULL, 10), context))
			break;
	}
	closedir(dir);
	return count;
}

static bool stop_at_first(pid_t pid, void *context)
{
	(void)pid;
	(void)context;
	return false;
}

bool group_runs(pid_t group)
{
	if (kill(-group, 0) < 0 && errno == ESRCH)
		return false;
	return find_members(group, stop_at_first, NULL) > 0;
}

struct watched {
	struct pollfd fds[MEMBERS_MAX + 1];
	nfds_t count;
};

static bool watch(pid_t pid, void *context)
{
	struct watched *watched = context;
	int fd = pidfd_open(pid, 0);

	if (fd >= 0)
		watched->fds[watched->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return watched->count < MEMBERS_MAX;
}

/* Waits until a member ends or `wake` can be read, for `ms` at most. */
static void wait_for_end(pid_t group, int wake, int64_t ms)
{
	struct watched watched = { .count = 0 };

	find_members(group, watch, &watched);
	watched.fds[watched.count] = (struct pollfd){ .fd = wake, .events = POLLIN };
	/* A member that ended since it was found has no pidfd. */
	poll(watched.fds, watched.count + 1, (int)(watched.count > 0 || ms < LOOK_MS ? ms : LOOK_MS));
	for (nfds_t i = 0; i < watched.count; i++)
		close(watched.fds[i].fd);
}

void group_settle(pid_t group)
{
	static const struct timespec nap = { 0, SETTLE_LOOK_MS * NS_PER_MS };
	int64_t end_ns = boot_ns() + SETTLE_MS * NS_PER_MS;

	while (group_runs(group) && boot_ns() < end_ns)
		nanosleep(&nap, NULL);
}

void group_stop(pid_t group, int64_t grace_ms, void (*reap)(void *context), void *context, int wake)
{
	int64_t end_ns = boot_ns() + grace_ms * NS_PER_MS;

	if (reap)
		reap(context);
	if (!group_runs(group))
		return;
	kill(-group, SIGTERM);
	kill(-group, SIGCONT);
	while (group_runs(group)) {
		int64_t left_ms = (end_ns - boot_ns() + NS_PER_MS - 1) / NS_PER_MS;

		if (left_ms <= 0) {
			kill(-group, SIGKILL);
			left_ms = LOOK_MS;
		}
		wait_for_end(group, wake, left_ms);
		if (reap)
			reap(context);
	}
}
