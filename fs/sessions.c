#include "fs/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/clock.h"
#include "fs/process.h"

/* More sessions than this are not remembered; the ones not seen for longest go first. */
#define SESSIONS_MAX 65536

struct session_seen {
	pid_t number;
	uint64_t start;       /* the leader's, in ticks; see name_leaderless() */
	int64_t last_seen_ns; /* CLOCK_BOOTTIME */
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

static void forget_oldest(struct sessions *sessions)
{
	struct session_seen *oldest = sessions->by_number;

	HASH_DELETE(hh, sessions->by_number, oldest);
	free(oldest);
}

static struct session_seen *find(struct sessions *sessions, pid_t number)
{
	struct session_seen *seen;

	HASH_FIND(hh, sessions->by_number, &number, sizeof(number), seen);
	return seen;
}

/* Puts the session behind all others, as the one seen last. */
static int remember(struct sessions *sessions, pid_t number, uint64_t start)
{
	struct session_seen *seen = find(sessions, number);

	if (seen) {
		HASH_DELETE(hh, sessions->by_number, seen);
	} else {
		if (HASH_COUNT(sessions->by_number) >= SESSIONS_MAX)
			forget_oldest(sessions);
		seen = calloc(1, sizeof(*seen));
		if (!seen)
			return -ENOMEM;
	}
	seen->number = number;
	seen->start = start;
	seen->last_seen_ns = boot_ns();
	HASH_ADD(hh, sessions->by_number, number, sizeof(seen->number), seen);
	if (!seen->hh.tbl) {
		free(seen);
		return -ENOMEM;
	}
	return 0;
}

/*
 * A session whose leader was gone when it was first seen is named by that
 * moment in nanoseconds, which is larger than any leader's start in ticks.
 */
static uint64_t name_leaderless(void)
{
	return (uint64_t)boot_ns();
}

int session_of(struct sessions *sessions, pid_t pid, pid_t *ret_number, uint64_t *ret_start)
{
	pid_t number = getsid(pid);
	const struct session_seen *seen;
	uint64_t start;
	int err;

	if (number <= 0)
		return -ESRCH;
	if (process_start(number, &start) < 0) {
		if (kill(number, 0) == 0 || errno == EPERM)
			return -ESRCH; /* there, but hidden from the daemon */
		seen = find(sessions, number);
		start = seen && has_member_since(number, pid, seen->last_seen_ns) ? seen->start : name_leaderless();
	}
	err = remember(sessions, number, start);
	if (err < 0)
		return err;
	*ret_number = number;
	*ret_start = start;
	return 0;
}

void sessions_free(struct sessions *sessions)
{
	while (sessions->by_number)
		forget_oldest(sessions);
}
