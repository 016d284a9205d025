/* The commands that are one operation on a lock: acquire, release, force-release, refresh, state, wait, handle, events. */
#include "scripts/lockctl/command_functions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scripts/lockctl/lock_acquire.h"
#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/dry_run.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/lock_report.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"
#include "scripts/lockctl/wait.h"
#include "scripts/lockctl/waiting_line.h"

#define READ_MAX 32768

bool dry_run(const struct options *options, const char *line)
{
	if (options->dry_run)
		puts(line);
	return options->dry_run;
}

/* The answer is no; says why if that was asked for. */
static int answer_no(const struct options *options, const char *before, const char *why)
{
	if (options->or_fail && !options->quiet)
		say("%s%s", before, why);
	return STATUS_NO;
}

static int answer_no_for_holder(const struct options *options, const char *before, const struct place *place)
{
	struct lock_state state;

	if (!options->or_fail || options->quiet)
		return STATUS_NO;
	lock_must_look(place, &state);
	return answer_no(options, before, lock_in_words(place, &state));
}

int command_acquire(struct options *options, struct place *place, char **command)
{
	struct deadline deadline = deadline_begin(options->wait_ms);
	int fd;

	(void)command;
	if (dry_run(options, text_make("(set -C; : > %s)", quoted(acquire_path(place, options, NULL, &deadline)))))
		return STATUS_YES;
	waiting_line_begin(place, options);
	fd = acquire(place, options, NULL, false, &deadline);
	waiting_line_end();
	if (fd < 0)
		return answer_no(options, "", options->or_fail ? lock_obstacle(place) : "");
	close(fd);
	return STATUS_YES;
}

static bool is_refused(int error)
{
	return failure_is_free(error) || failure_is_denied(error) || error == EBUSY;
}

int command_release(struct options *options, struct place *place, char **command)
{
	const char *path = place_path(place, NULL);

	(void)command;
	if (dry_run(options, text_make("rm -- %s", quoted(path))) || unlink(path) == 0)
		return STATUS_YES;
	if (!is_refused(errno))
		give_up("release", place, errno);
	return answer_no_for_holder(options, "not released: ", place);
}

int command_force_release(struct options *options, struct place *place, char **command)
{
	const char *path = place_path(place, "force");

	(void)command;
	if (dry_run(options, text_make("rm -- %s", quoted(path))) || unlink(path) == 0)
		return STATUS_YES;
	if (!failure_is_free(errno))
		give_up("release", place, errno);
	return answer_no_for_holder(options, "not released: ", place);
}

int command_refresh(struct options *options, struct place *place, char **command)
{
	const char *path = place_path(place, "file");
	int fd, error;

	(void)command;
	if (options->ttl ? dry_run(options, text_make("setfattr -n user.lock.ttl -v %s -- %s", quoted(options->ttl), quoted(path)))
			 : dry_run(options, text_make("touch -c -- %s", quoted(path))))
		return STATUS_YES;
	if (options->ttl) {
		error = setxattr(path, "user.lock.ttl", options->ttl, strlen(options->ttl), 0) < 0 ? errno : 0;
	} else {
		/* By the file itself: an open of it would be a handle, of which nobody is told that the lock is lost. */
		fd = attribute_open(path);
		error = fd < 0 ? -fd : utimensat(AT_FDCWD, text_make("/proc/self/fd/%d", fd), NULL, 0) < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
	}
	if (error == 0)
		return STATUS_YES;
	if (!is_refused(error) && error != ENOTSUP && error != ENOLCK)
		give_up("refresh", place, error);
	return answer_no_for_holder(options, "not refreshed: ", place);
}

static bool dry_run_attribute(const struct options *options, const struct place *place, const char *name)
{
	return dry_run(options, text_make("getfattr --absolute-names --only-values -n user.lock.%s -- %s", name, quoted(place_path(place, "file"))));
}

int command_state(struct options *options, struct place *place, char **command)
{
	static const char *const words[] = { "FREE", "ACQUIRED", "UNAVAILABLE", "ROOM", "FULL" };
	struct lock_state state;

	(void)command;
	if (dry_run_attribute(options, place, "state"))
		return STATUS_YES;
	lock_must_look(place, &state);
	if (state.kind == LOCK_ROOM || state.kind == LOCK_FULL)
		printf("%s %ld of %ld, %ld waiting\n", words[state.kind], (long)state.taken, (long)state.limit, (long)state.waiters);
	else if (state.is_shared)
		printf("%s shared by %ld\n", words[state.kind], (long)state.holders);
	else
		puts(words[state.kind]);
	return STATUS_YES;
}

int command_wait(struct options *options, struct place *place, char **command)
{
	struct deadline deadline;
	struct lock_state state;
	bool is_free;

	(void)command;
	if (options->wait_ms == 0)
		options->wait_ms = WAIT_FOREVER;
	deadline = deadline_begin(options->wait_ms);
	if (dry_run(options, text_make("while [ -e %s ]; do sleep 1; done", quoted(place_path(place, NULL)))))
		return STATUS_YES;
	waiting_line_begin(place, options);
	is_free = wait_until_free(place, options, &deadline, wait_is_free, &state);
	waiting_line_end();
	return is_free ? STATUS_YES : answer_no(options, "not free: ", lock_in_words(place, &state));
}

int command_handle(struct options *options, struct place *place, char **command)
{
	char *handle;
	int fd, error;

	(void)command;
	if (dry_run_attribute(options, place, "handle"))
		return STATUS_YES;
	fd = attribute_open(place_path(place, "file"));
	error = fd < 0 ? fd : attribute_read(fd, "handle", &handle);
	if (fd >= 0)
		close(fd);
	if (error == 0) {
		puts(handle);
		return STATUS_YES;
	}
	if (!failure_is_free(-error))
		give_up("look at", place, -error);
	return answer_no_for_holder(options, "not yours: ", place);
}

static bool write_all(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, data, size);

		if (written < 0)
			return false;
		data += written;
		size -= (size_t)written;
	}
	return true;
}

int command_events(struct options *options, struct place *place, char **command)
{
	const char *dir = place_path(place, NULL);
	const char *path = text_make("%s%s.events%s", dir, *place->key ? "/" : "", options->json ? ".json" : "");
	char buffer[READ_MAX];
	ssize_t length;
	int fd;

	(void)command;
	if (dry_run(options, text_make("cat %s", quoted(path))))
		return STATUS_YES;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		give_up("read the events of", place, errno);
	while ((length = read(fd, buffer, sizeof(buffer))) > 0 || (length < 0 && errno == EINTR))
		if (length > 0 && !write_all(buffer, (size_t)length))
			die(STATUS_BACKEND, "cannot write the events: %s", strerror(errno));
	if (length < 0)
		give_up("read the events of", place, errno);
	close(fd);
	return STATUS_YES;
}
