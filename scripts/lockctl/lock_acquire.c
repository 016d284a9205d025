/*
 * Acquires locks. Only an exclusive creation keeps apart two callers of one session. A creation in a view that waits leaves out
 * the caller's own locks, of which the kernel says at once that the file exists: these are waited for here.
 */
#include "scripts/lockctl/lock_acquire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lockfs/duration.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/lock_report.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"
#include "scripts/lockctl/wait.h"

#define MODE 0666

/* Appends an option of a view. */
static char *with(char *view, const char *option)
{
	return view ? text_make("%s,%s", view, option) : text_make("%s", option);
}

static char *with_waiting(char *view, const struct options *options, const struct deadline *deadline)
{
	char left[DURATION_TEXT_MAX];

	if (deadline->is_forever) {
		view = with(view, "wait=forever");
	} else if (options->wait_ms != 0) {
		duration_print(deadline_left_ms(deadline) + 1, left);
		view = with(view, text_make("wait=%s", left));
	}
	if (options->interval)
		view = with(view, text_make("interval=%s", options->interval));
	if (options->attempts)
		view = with(view, text_make("attempts=%s", options->attempts));
	return view;
}

char *acquire_path(const struct place *place, const struct options *options, const char *view, const struct deadline *deadline)
{
	char *all = view ? text_make("%s", view) : NULL;

	if (options->shared)
		all = with(all, "shared");
	if (options->ttl)
		all = with(all, text_make("ttl=%s", options->ttl));
	return place_path(place, with_waiting(all, options, deadline));
}

/* May the caller create in the directory of `path`? Then EACCES was about another user's lock. */
static bool may_create_beside(const char *path)
{
	const char *slash = strrchr(path, '/');

	return access(text_make("%.*s", (int)(slash - path), path), W_OK) == 0;
}

/* Did creation fail because somebody has the lock, or because the directory is full? */
static bool is_held(const struct place *place, const struct options *options, const char *path, int error)
{
	struct lock_state state;

	switch (error) {
	case EEXIST:
	case EBUSY:
		return true;
	case EACCES:
	case EPERM:
		return may_create_beside(path);
	case ETIMEDOUT:
		/* The wait is over, unless it is the server that is late. */
		return options->wait_ms != 0 && lock_look(place, &state) == 0;
	default:
		return false;
	}
}

static void refuse(const struct place *place, int error)
{
	if (error == ENOENT)
		die(STATUS_USAGE, "cannot acquire %s: its directory is not there; make it by mkdir", place_name(place));
	give_up("acquire", place, error);
}

/* A shared lock is hidden by the view, so the daemon can be asked to wait for it. */
static bool is_free_or_shared(const struct lock_state *state)
{
	return wait_is_free(state) || state->is_shared;
}

int acquire(const struct place *place, const struct options *options, const char *view, bool joins_shared, const struct deadline *deadline)
{
	struct lock_state state;
	const char *path;
	int fd, error;

	for (;;) {
		path = acquire_path(place, options, view, deadline);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
		if (fd >= 0)
			return fd;
		error = errno;
		if (error == EINTR)
			continue;
		if (!is_held(place, options, path, error))
			refuse(place, error);
		if (options->wait_ms == 0 || options->attempts || error == ETIMEDOUT)
			return -1;
		if (!wait_until_free(place, options, deadline, joins_shared ? is_free_or_shared : wait_is_free, &state))
			return -1;
	}
}
