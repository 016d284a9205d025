/* Runs the command of --notify, or writes a line of JSON to its descriptor. */
#include "scripts/lockctl/notify.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "backend/util/text/number.h"
#include "fs/util/line_text.h"
#include "scripts/lockctl/run.h"
#include "scripts/lockctl/text.h"

#define NS_PER_US 1000
#define DESCRIPTOR_MAX 1000000

static const char *json_string(const char *text)
{
	char *json = text_room(strlen(text) * LINE_GROWTH_MAX + 8);

	line_put_json_string(json, text, strlen(text));
	return json;
}

static void write_json(int fd, const char *event, const struct bound_lock *lock)
{
	char time[LINE_TIME_MAX];
	const char *line;

	line_put_time(time, epoch_ns() / NS_PER_US);
	line = text_make("{\"time\":\"%s\",\"event\":\"%s\",\"key\":%s,\"token\":%s}\n", time, event, json_string(lock->place.key), lock->token);
	if (write(fd, line, strlen(line)) < 0)
		say("cannot write to descriptor %d of --notify", fd);
}

static void start(const struct run *run, const char *event, const struct bound_lock *lock)
{
	int null;

	if (fork() != 0)
		return;
	setpgid(0, 0);
	sigaction(SIGCHLD, &run->child_action_before, NULL);
	sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	setenv("LOCK_EVENT", event, 1);
	setenv("LOCK_KEY", lock->place.key, 1);
	setenv("LOCK_TOKEN", lock->token, 1);
	setenv("LOCK_HANDLE", lock->handle, 1);
	execl("/bin/sh", "sh", "-c", run->options->notify, "lockctl", event, lock->place.key, (char *)NULL);
	_exit(127);
}

void notify(const struct run *run, const char *event, const struct bound_lock *lock)
{
	uint64_t fd;

	if (!run->options->notify)
		return;
	if (number_parse(run->options->notify, 10, DESCRIPTOR_MAX, &fd) == 0)
		write_json((int)fd, event, lock);
	else
		start(run, event, lock);
}
