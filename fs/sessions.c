#include "fs/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/clock.h"
#include "fs/process.h"

/* More sessions than this are not remembered; the ones not seen for longest go first. */
#define SESSIONS_MAX 65536

/* So many leaders are watched at a time; the end of others is known only as far as they were seen. */
#define WATCHED_MAX 256

struct session_seen {
	pid_t number;
	uint64_t start;        /* the leader's, in ticks; see name_leaderless() */
	int64_t known_till_ns; /* CLOCK_BOOTTIME: it was this very session till then at least */
	int leader_fd;         /* a pidfd, while the leader lives and is watched; else -1 */
	UT_hash_handle hh;
};

static bool started_before(pid_t pid, int64_t when_ns)
{
	uint64_t ticks;
	int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);

	return process_start(pid, &ticks) == 0 && (int64_t)ticks * tick_ns <= when_ns;
}

/* Is a process in this session that was there at `when_ns`? Only asked where the leader is gone. */
static bool has_member_since(pid_t number, pid_t caller, int64_t when_ns)
{
	const struct dirent *entry;
	bool found = started_before(caller, when_ns);
	DIR *proc;

	if (found)
		return true;
	proc = opendir("/proc");
	if (!proc)
		return false;
	while (!found && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		found = pid > 0 && getsid(pid) == number && started_before(pid, when_ns);
	}
	closedir(proc);
	return found;
}

/* Watching leaders: their death is the last moment at which their session is surely theirs */

static void unwatch_leader(struct sessions *sessions, struct session_seen *seen)
{
	if (seen->leader_fd < 0)
		return;
	close(seen->leader_fd);
	seen->leader_fd = -1;
	sessions->watched--;
}

static void watch_leader(struct sessions *sessions, struct session_seen *seen)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = seen->number };

	if (seen->leader_fd >= 0 || sessions->watched >= WATCHED_MAX)
		return;
	seen->leader_fd = (int)syscall(SYS_pidfd_open, seen->number, 0);
	if (seen->leader_fd < 0)
		return;
	sessions->watched++;
	if (epoll_ctl(sessions->deaths_fd, EPOLL_CTL_ADD, seen->leader_fd, &event) < 0)
		unwatch_leader(sessions, seen);
}

static struct session_seen *find(struct sessions *sessions, pid_t number)
{
	struct session_seen *seen;

	HASH_FIND(hh, sessions->by_number, &number, sizeof(number), seen);
	return seen;
}

static void collect_deaths(struct sessions *sessions)
{
	struct epoll_event events[16];
	int count;

	do {
		count = epoll_wait(sessions->deaths_fd, events, sizeof(events) / sizeof(events[0]), 0);
		for (int i = 0; i < count; i++) {
			struct session_seen *seen = find(sessions, events[i].data.fd);

			if (!seen)
				continue;
			seen->known_till_ns = boot_ns();
			unwatch_leader(sessions, seen);
		}
	} while (count > 0);
}

static void on_deaths(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	collect_deaths(poll->data);
}

int sessions_init(struct sessions *sessions, uv_loop_t *loop)
{
	int err;

	*sessions = (struct sessions){ .deaths_fd = epoll_create1(EPOLL_CLOEXEC) };
	if (sessions->deaths_fd < 0)
		return -errno;
	err = uv_poll_init(loop, &sessions->deaths, sessions->deaths_fd);
	if (err < 0) {
		close(sessions->deaths_fd);
		return err;
	}
	sessions->deaths.data = sessions;
	return uv_poll_start(&sessions->deaths, UV_READABLE, on_deaths);
}

void sessions_stop(struct sessions *sessions)
{
	uv_close((uv_handle_t *)&sessions->deaths, NULL);
}

static void forget_oldest(struct sessions *sessions)
{
	struct session_seen *oldest = sessions->by_number;

	unwatch_leader(sessions, oldest);
	HASH_DELETE(hh, sessions->by_number, oldest);
	free(oldest);
}

/* Puts the session behind all others, as the one seen last. */
static struct session_seen *remember(struct sessions *sessions, pid_t number, uint64_t start)
{
	struct session_seen *seen = find(sessions, number);

	if (seen) {
		HASH_DELETE(hh, sessions->by_number, seen);
		if (seen->start != start)
			unwatch_leader(sessions, seen);
	} else {
		if (HASH_COUNT(sessions->by_number) >= SESSIONS_MAX)
			forget_oldest(sessions);
		seen = calloc(1, sizeof(*seen));
		if (!seen)
			return NULL;
		seen->leader_fd = -1;
	}
	seen->number = number;
	seen->start = start;
	seen->known_till_ns = boot_ns();
	HASH_ADD(hh, sessions->by_number, number, sizeof(seen->number), seen);
	if (!seen->hh.tbl) {
		unwatch_leader(sessions, seen);
		free(seen);
		return NULL;
	}
	return seen;
}

/*
 * A session whose leader was gone when it was first seen is named by that
 * moment in nanoseconds, which is larger than any leader's start in ticks.
 */
static uint64_t name_leaderless(void)
{
	return (uint64_t)boot_ns();
}

/* How the session is named whose leader is gone: as before, if it is surely the same. */
static uint64_t start_of_leaderless(struct sessions *sessions, pid_t number, pid_t pid)
{
	const struct session_seen *seen;

	collect_deaths(sessions);
	seen = find(sessions, number);
	return seen && has_member_since(number, pid, seen->known_till_ns) ? seen->start : name_leaderless();
}

/* Is the leader watched and alive? Then the number is that of the session that was seen. */
static bool leader_lives(struct sessions *sessions, pid_t number, uint64_t *ret_start)
{
	const struct session_seen *seen;

	collect_deaths(sessions);
	seen = find(sessions, number);
	if (!seen || seen->leader_fd < 0)
		return false;
	*ret_start = seen->start;
	return true;
}

int session_of(struct sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_start)
{
	pid_t number = getsid(pid);
	struct session_seen *seen;
	uint64_t start;
	int leader;

	if (number <= 0)
		return -ESRCH;
	leader = leader_lives(sessions, number, &start) ? 0 : process_start(number, &start);
	if (leader < 0 && leader != -ENOENT)
		return leader;
	if (leader < 0) {
		if (kill(number, 0) == 0 || errno == EPERM)
			return -ESRCH; /* there, but hidden from the daemon */
		start = start_of_leaderless(sessions, number, pid);
	}
	seen = remember(sessions, number, start);
	if (!seen)
		return -ENOMEM;
	if (leader == 0)
		watch_leader(sessions, seen);
	*ret_number = number;
	*ret_start = start;
	return 0;
}

void sessions_free(struct sessions *sessions)
{
	while (sessions->by_number)
		forget_oldest(sessions);
	close(sessions->deaths_fd);
}
