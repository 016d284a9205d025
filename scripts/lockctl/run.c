/*
 * The command run: acquires locks bound to descriptors of ours, runs a command meanwhile, and gives the locks back when nothing
 * of its process group runs any more.
 */
#include "scripts/lockctl/run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "scripts/lockctl/lock_acquire.h"
#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/command_functions.h"
#include "scripts/lockctl/dry_run.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/guard.h"
#include "scripts/lockctl/lock_report.h"
#include "scripts/lockctl/notify.h"
#include "scripts/lockctl/permit.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"
#include "scripts/lockctl/wait.h"
#include "scripts/lockctl/waiting_line.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* By key first, which hosts that mount the locks elsewhere have in common. */
static int by_key(const void *a, const void *b)
{
	const struct bound_lock *left = a, *right = b;
	int order = strcmp(left->place.key, right->place.key);

	return order != 0 ? order : strcmp(left->place.top, right->place.top);
}

/* Finds the places of all keys. A key that is given twice counts once. */
static void find_places(struct run *run, struct options *options, const struct place *first)
{
	size_t kept = 0;

	run->locks[run->count++].place = *first;
	for (size_t i = 0; i < options->also_count; i++) {
		struct place *place = &run->locks[run->count++].place;

		place_find(options, options->also[i], place);
		if (!*place->key)
			die(STATUS_USAGE, "%s is the mount, not a lock in it", shown(options->also[i]));
	}
	qsort(run->locks, run->count, sizeof(run->locks[0]), by_key);
	for (size_t i = 1; i < run->count; i++)
		if (by_key(&run->locks[kept], &run->locks[i]) != 0)
			run->locks[++kept] = run->locks[i];
	run->count = kept + 1;
}

/* Ends the process because the lock ended before the command did. */
static void end_as_lost(const struct run *run, const struct bound_lock *lock)
{
	say("%s was lost before %s ended", place_name(&lock->place), shown(run->program));
	exit(STATUS_LOST);
}

static bool is_dead(const struct bound_lock *lock)
{
	struct pollfd fd = { .fd = lock->fd };

	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLERR | POLLHUP | POLLNVAL);
}

/* Releases this holding and no other, by its token. False if it had ended already. */
static bool give_back(const struct bound_lock *lock)
{
	int error;

	if (unlink(place_path(&lock->place, text_make("token=%s", lock->token))) == 0)
		return true;
	error = errno;
	if (failure_is_free(error) || failure_is_denied(error) || error == EBUSY || is_dead(lock))
		return false;
	say("%s is not given back: %s; its lease ends it", place_name(&lock->place), strerror(error));
	return true;
}

/* Gives the first `count` locks back, the last one first. */
static void give_back_all(const struct run *run, size_t count)
{
	const struct bound_lock *lost = NULL;

	while (count > 0) {
		const struct bound_lock *lock = &run->locks[--count];

		if (give_back(lock))
			notify(run, "RELEASED", lock);
		else
			lost = lock;
	}
	if (lost)
		end_as_lost(run, lost);
}

static void refuse(const struct run *run, size_t at)
{
	const char *why = run->options->quiet ? NULL : lock_obstacle(&run->locks[at].place);

	if (why)
		say("%s", why);
	give_back_all(run, at);
	exit(run->options->held_status);
}

/* What the command is told of its lock, by the descriptor, which is of this holding. */
static void describe(struct bound_lock *lock)
{
	char *token = NULL, *handle = NULL;
	int error = attribute_read(lock->fd, "token", &token);

	if (error == 0)
		error = attribute_read(lock->fd, "handle", &handle);
	if (error < 0 && failure_is_free(-error))
		die(STATUS_LOST, "%s was lost as soon as it was acquired", place_name(&lock->place));
	if (error < 0 || !handle)
		give_up("look at", &lock->place, -error);
	lock->token = token;
	lock->handle = place_path_of(&lock->place, handle);
}

static void acquire_all(struct run *run, const struct deadline *deadline)
{
	for (size_t i = 0; i < run->count; i++) {
		struct bound_lock *lock = &run->locks[i];

		waiting_line_begin(&lock->place, run->options);
		lock->fd = acquire(&lock->place, run->options, "hold", true, deadline);
		waiting_line_end();
		if (lock->fd < 0)
			refuse(run, i);
		describe(lock);
	}
}

/* LOCK_KEY and so on are of the key that stands before the command; those of -a have numbers. */
static void export_locks(const struct run *run, const struct place *first)
{
	int number = 1;

	for (size_t i = 0; i < run->count; i++) {
		const struct bound_lock *lock = &run->locks[i];
		bool is_first = strcmp(lock->place.key, first->key) == 0 && strcmp(lock->place.top, first->top) == 0;
		const char *suffix = is_first ? "" : text_make("_%d", ++number);

		setenv(text_make("LOCK_KEY%s", suffix), lock->place.key, 1);
		setenv(text_make("LOCK_TOKEN%s", suffix), lock->token, 1);
		setenv(text_make("LOCK_HANDLE%s", suffix), lock->handle, 1);
	}
}

/* While one lock was waited for, another may have been lost. */
static void check_locks(const struct run *run)
{
	for (size_t i = 0; run->count > 1 && i < run->count; i++) {
		if (!is_dead(&run->locks[i]))
			continue;
		say("%s was lost before %s began", place_name(&run->locks[i].place), shown(run->program));
		exit(STATUS_LOST);
	}
}

static int print_operations(const struct run *run, char **command, const struct deadline *deadline)
{
	char *line = text_make("(set -C");

	for (size_t i = 0; i < run->count; i++)
		line = text_make("%s; exec {fd%zu}> %s", line, i, quoted(acquire_path(&run->locks[i].place, run->options, "hold", deadline)));
	for (; *command; command++)
		line = text_make("%s%s%s", line, strstr(line, " && ") ? " " : " && ", quoted(*command));
	dry_run(run->options, text_make("%s)", line));
	return STATUS_YES;
}

int command_run(struct options *options, struct place *place, char **command)
{
	struct deadline deadline = deadline_begin(options->wait_ms);
	struct run run = { .options = options, .program = base_name(command[0]) };

	if (options->limit && !options->dry_run)
		permit_choose(place, options);
	find_places(&run, options, place);
	if (options->dry_run)
		return print_operations(&run, command, &deadline);
	/* The owner of the lock is shown with the name of the command. */
	prctl(PR_SET_NAME, run.program);
	run.terminal = terminal_find();
	acquire_all(&run, &deadline);
	check_locks(&run);
	export_locks(&run, place);
	signals_begin(&run);
	for (size_t i = 0; i < run.count; i++)
		notify(&run, "ACQUIRED", &run.locks[i]);
	child_start(&run, command);
	guard_start(&run);
	supervise(&run);
	guard_end(&run);
	if (run.lost)
		exit(STATUS_LOST);
	give_back_all(&run, run.count);
	end_as_child(&run);
}
