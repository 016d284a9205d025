/* Reads the state of locks and directories from their attributes, and puts it into words. */
#include "scripts/lockctl/lock_report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockfs/duration.h"
#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

static bool is_directory(const struct dirent *entry, int dir)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Counts the locks directly in a directory. Returns 0 or a negative errno. */
static int count_locks(const char *path, int64_t *ret_count)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int error;

	if (!dir)
		return -errno;
	*ret_count = 0;
	errno = 0;
	while ((entry = readdir(dir)))
		if (!is_directory(entry, dirfd(dir)))
			(*ret_count)++;
	error = errno;
	closedir(dir);
	return -error;
}

static int look_for_room(int fd, const char *path, struct lock_state *ret)
{
	char *limit;
	int error = attribute_read(fd, "limit", &limit);

	if (error == 0)
		error = count_locks(path, &ret->taken);
	if (error < 0)
		return error;
	ret->limit = strtoll(limit, NULL, 10);
	ret->waiters = attribute_number(fd, "waiters", 0);
	ret->kind = ret->taken < ret->limit ? LOCK_ROOM : LOCK_FULL;
	return 0;
}

/* Returns 0 or a negative errno. */
static int look_at_lock(int fd, struct lock_state *ret)
{
	char *state, *text;
	int error = attribute_read(fd, "state", &state);

	if (error < 0)
		return error;
	ret->kind = strcmp(state, "ACQUIRED") == 0 ? LOCK_ACQUIRED : strcmp(state, "UNAVAILABLE") == 0 ? LOCK_UNAVAILABLE : LOCK_FREE;
	ret->is_shared = attribute_read(fd, "mode", &text) == 0 && strcmp(text, "shared") == 0;
	ret->holders = attribute_number(fd, "holders", 1);
	ret->waiters = attribute_number(fd, "waiters", 0);
	if (attribute_read(fd, "owner", &text) == 0)
		ret->owner = text;
	if (attribute_read(fd, "acquired", &text) == 0)
		ret->acquired = text;
	error = attribute_read(fd, "remaining", &text);
	if (error < 0)
		return error;
	if (strcmp(text, "never") == 0)
		ret->remaining_ms = LEASE_NEVER;
	else if (duration_parse(text, &ret->remaining_ms) < 0)
		return -EIO;
	return 0;
}

int lock_look(const struct place *place, struct lock_state *ret)
{
	const char *path = place_path(place, "file");
	int fd = attribute_open(path);
	struct stat status;
	int error;

	*ret = (struct lock_state){ .kind = LOCK_FREE };
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	error = fstat(fd, &status) < 0 ? -errno : 0;
	if (error == 0 && S_ISDIR(status.st_mode)) {
		error = look_for_room(fd, path, ret);
		close(fd);
		return error;
	}
	if (error == 0)
		error = look_at_lock(fd, ret);
	close(fd);
	if (error < 0 && failure_is_free(-error)) {
		*ret = (struct lock_state){ .kind = LOCK_FREE };
		return 0;
	}
	return error;
}

void lock_must_look(const struct place *place, struct lock_state *ret)
{
	int error = lock_look(place, ret);

	if (error == -ENODATA)
		die(STATUS_USAGE, "%s is a directory without a limit", place_name(place));
	if (error < 0)
		give_up("look at", place, -error);
}

static char *holder_in_words(const struct place *place, const struct lock_state *state)
{
	const char *lease = state->remaining_ms == LEASE_NEVER ? text_make(" and never expires") :
		text_make(" for another %s", in_words(state->remaining_ms));
	const char *more = state->is_shared && state->holders > 1 ? text_make(", and by %ld more", (long)state->holders - 1) : "";
	const char *waiters = state->is_shared && state->waiters > 0 ? text_make("; %ld wait", (long)state->waiters) : "";

	return text_make("%s is %sheld by %s%s%s%s", place_name(place), state->is_shared ? "shared, " : "",
			 state->owner ? state->owner : "somebody", lease, more, waiters);
}

char *lock_in_words(const struct place *place, const struct lock_state *state)
{
	switch (state->kind) {
	case LOCK_FREE:
		return text_make("%s is free", place_name(place));
	case LOCK_ROOM:
	case LOCK_FULL:
		return text_make("%s %s: %ld of %ld locks are held, and %ld wait for room", place_name(place),
				 state->kind == LOCK_FULL ? "is full" : "has room", (long)state->taken, (long)state->limit,
				 (long)state->waiters);
	default:
		return holder_in_words(place, state);
	}
}

char *lock_obstacle(const struct place *place)
{
	struct place parent = place_parent(place);
	struct lock_state state, room;

	if (lock_look(place, &state) < 0)
		return text_make("%s is not to be had", place_name(place));
	if (state.kind == LOCK_FREE && lock_look(&parent, &room) == 0 && (room.kind == LOCK_ROOM || room.kind == LOCK_FULL))
		return lock_in_words(&parent, &room);
	return lock_in_words(place, &state);
}
