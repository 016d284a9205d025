/*
 * Remembers sessions by id, and until when each was surely the same one: while its leader lives, and afterwards up to the
 * leader's death, which is seen by a pidfd.
 */
#include "fs/caller/posix_session.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "backend/util/text/number.h"
#include "fs/caller/process.h"

/* The number of sessions that are remembered; beyond it the least recently seen ones are forgotten. */
#define SESSIONS_MAX 65536

/*
 * At most 256 leaders are watched, and at most one for every 8 descriptors of the daemon. Of a leader that is not watched, only
 * the last time it was seen is known.
 */
#define WATCHED_MAX 256
#define WATCHED_PART 8

struct posix_session {
	pid_t number;
	uint64_t birth;         /* of the leader, or name_leaderless() */
	int64_t known_until_ns; /* CLOCK_BOOTTIME; until then the id surely belonged to this session */
	int leader_fd;          /* pidfd of a leader that lives and is watched, else -1 */
	struct process member;  /* a process found in the session after the leader had ended, if any */
	UT_hash_handle hh;
};

static bool started_before(pid_t pid, int64_t when_ns)
{
	uint64_t ticks;
	int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);

	return process_start_ticks(pid, &ticks) == 0 && (int64_t)ticks * tick_ns <= when_ns;
}

/* Finds a process of this session that existed at `when_ns`. Reads every process of the machine. */
static struct process find_member_since(pid_t number, int64_t when_ns)
{
	const struct dirent *entry;
	struct process member = { 0 };
	DIR *proc = opendir("/proc");

	if (!proc)
		return member;
	while (member.pid == 0 && (entry = readdir(proc))) {
		uint64_t pid;

		if (number_parse(entry->d_name, 10, INT_MAX, &pid) == 0 && getsid((pid_t)pid) == number &&
			started_before((pid_t)pid, when_ns))
			(void)process_identify((pid_t)pid, &member); /* stays empty if the process cannot be read */
	}
	closedir(proc);
	return member;
}

/*
 * Is the session without a leader still the one seen before: does it have a process that existed at
 * `seen->known_until_ns`? A process that was found is remembered, so that not each new process of the session costs a
 * scan of /proc.
 */
static bool is_still(struct posix_session *seen, pid_t caller)
{
	if (started_before(caller, seen->known_until_ns))
		return true;
	if (!process_lives(&seen->member) || getsid(seen->member.pid) != seen->number)
		seen->member = find_member_since(seen->number, seen->known_until_ns);
	return seen->member.pid != 0;
}

static void unwatch_leader(struct posix_sessions *sessions, struct posix_session *seen)
{
	if (seen->leader_fd < 0)
		return;
	close(seen->leader_fd);
	seen->leader_fd = -1;
	sessions->watched--;
}

static void watch_leader(struct posix_sessions *sessions, struct posix_session *seen)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = seen->number };

	if (seen->leader_fd >= 0 || sessions->watched >= sessions->watch_limit)
		return;
	seen->leader_fd = (int)syscall(SYS_pidfd_open, seen->number, 0);
	if (seen->leader_fd < 0)
		return;
	sessions->watched++;
	if (epoll_ctl(sessions->deaths_fd, EPOLL_CTL_ADD, seen->leader_fd, &event) < 0)
		unwatch_leader(sessions, seen);
}

static struct posix_session *find(struct posix_sessions *sessions, pid_t number)
{
	struct posix_session *seen;

	HASH_FIND(hh, sessions->by_number, &number, sizeof(number), seen);
	return seen;
}

/* Records the time of death of watched leaders that have ended. */
static void collect_deaths(struct posix_sessions *sessions)
{
	struct epoll_event events[16];
	int count;

	do {
		count = epoll_wait(sessions->deaths_fd, events, sizeof(events) / sizeof(events[0]), 0);
		for (int i = 0; i < count; i++) {
			struct posix_session *seen = find(sessions, events[i].data.fd);

			if (!seen)
				continue;
			seen->known_until_ns = boot_ns();
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

size_t posix_sessions_watch_limit(size_t descriptors)
{
	return descriptors / WATCHED_PART < WATCHED_MAX ? descriptors / WATCHED_PART : WATCHED_MAX;
}

int posix_sessions_init(struct posix_sessions *sessions, uv_loop_t *loop)
{
	int err;

	*sessions = (struct posix_sessions){ .deaths_fd = epoll_create1(EPOLL_CLOEXEC) };
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

void posix_sessions_stop(struct posix_sessions *sessions)
{
	uv_close((uv_handle_t *)&sessions->deaths, NULL);
}

static void forget_oldest(struct posix_sessions *sessions)
{
	struct posix_session *oldest = sessions->by_number;

	unwatch_leader(sessions, oldest);
	HASH_DELETE(hh, sessions->by_number, oldest);
	free(oldest);
}

/* Remembers the session as the most recently seen one. Returns NULL if memory is short. */
static struct posix_session *remember(struct posix_sessions *sessions, pid_t number, uint64_t birth)
{
	struct posix_session *seen = find(sessions, number);

	if (seen) {
		HASH_DELETE(hh, sessions->by_number, seen);
		if (seen->birth != birth) {
			unwatch_leader(sessions, seen);
			seen->member = (struct process){ 0 };
		}
	} else {
		if (HASH_COUNT(sessions->by_number) >= SESSIONS_MAX)
			forget_oldest(sessions);
		seen = calloc(1, sizeof(*seen));
		if (!seen)
			return NULL;
		seen->leader_fd = -1;
	}
	seen->number = number;
	seen->birth = birth;
	seen->known_until_ns = boot_ns();
	HASH_ADD(hh, sessions->by_number, number, sizeof(seen->number), seen);
	if (!seen->hh.tbl) {
		unwatch_leader(sessions, seen);
		free(seen);
		return NULL;
	}
	return seen;
}

/*
 * The birth of a session whose leader had ended when the session was first seen: the current time in nanoseconds since boot. It is
 * larger than any leader's birth, which is a count of processes or of clock ticks since boot.
 */
static uint64_t name_leaderless(void)
{
	return (uint64_t)boot_ns();
}

/* The birth of a session whose leader has ended: the remembered one if the session is surely the same. */
static uint64_t birth_of_leaderless(struct posix_sessions *sessions, pid_t number, pid_t pid)
{
	struct posix_session *seen;

	collect_deaths(sessions);
	seen = find(sessions, number);
	return seen && is_still(seen, pid) ? seen->birth : name_leaderless();
}

/* Is the leader watched and alive? Then the id still belongs to the remembered session. */
static bool leader_lives(struct posix_sessions *sessions, pid_t number, uint64_t *ret_birth)
{
	const struct posix_session *seen;

	collect_deaths(sessions);
	seen = find(sessions, number);
	if (!seen || seen->leader_fd < 0)
		return false;
	*ret_birth = seen->birth;
	return true;
}

int posix_session_of(struct posix_sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_birth)
{
	pid_t number = getsid(pid);
	struct posix_session *seen;
	uint64_t birth;
	int leader;

	if (number <= 0)
		return -ESRCH;
	leader = leader_lives(sessions, number, &birth) ? 0 : process_birth(number, &birth);
	if (leader < 0 && leader != -ENOENT)
		return leader;
	if (leader < 0) {
		if (kill(number, 0) == 0 || errno == EPERM)
			return -ESRCH; /* the leader lives, but is hidden from the daemon */
		birth = birth_of_leaderless(sessions, number, pid);
	}
	seen = remember(sessions, number, birth);
	if (!seen)
		return -ENOMEM;
	if (leader == 0)
		watch_leader(sessions, seen);
	*ret_number = number;
	*ret_birth = birth;
	return 0;
}

void posix_sessions_free(struct posix_sessions *sessions)
{
	while (sessions->by_number)
		forget_oldest(sessions);
	close(sessions->deaths_fd);
}
