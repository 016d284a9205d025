/*
 * Waits for a lock that is not asked for. The events are opened before the lock is looked at, so that none is missed. Without
 * events, as where the directory must not be read, the lock is looked at once in an interval.
 */
#include "scripts/lockctl/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "fs/util/line_text.h"
#include "lockfs/duration.h"
#include "scripts/lockctl/lock_report.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/text.h"

#define LOOK_MS 1000             /* time between two looks without events */
#define LOOK_WITH_EVENTS_MS 10000 /* and with them, as another Redis client makes none */
#define READ_MAX 32768           /* a read(2) of less gets one line */

struct deadline deadline_begin(int64_t wait_ms)
{
	if (wait_ms == WAIT_FOREVER)
		return (struct deadline){ .is_forever = true };
	return (struct deadline){ .at_ns = boot_ns() + wait_ms * NS_PER_MS };
}

int64_t deadline_left_ms(const struct deadline *deadline)
{
	int64_t left_ns;

	if (deadline->is_forever)
		return INT64_MAX;
	left_ns = deadline->at_ns - boot_ns();
	return left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

bool event_line_tells_of(const char *line, const char *written_key)
{
	size_t length = strlen(written_key);
	const char *event = strchr(line, '\t');
	const char *key = event ? strchr(event + 1, '\t') : NULL;

	if (!key || length == 0)
		return true;
	if (strncmp(event + 1, "GAP\t", 4) == 0 || strncmp(event + 1, "LOST\t", 5) == 0)
		return true;
	key++;
	return strncmp(key, written_key, length) == 0 && (key[length] == '\t' || key[length] == '/');
}

/* The key as events write it. */
static char *written(const char *key)
{
	char *text = text_room(strlen(key) * LINE_GROWTH_MAX + 2);

	if (*key)
		line_put_field(text, key, strlen(key));
	else
		*text = '\0';
	return text;
}

static int open_events(const struct place *place)
{
	const char *dirs[] = { place_parent(place).key, "" };
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		fd = open(place_path_of(place, text_make("%s%s.events", dirs[i], *dirs[i] ? "/" : "")), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd;
}

/* Reads all events that are there. Returns whether one tells of the key. */
static bool read_events(int fd, const char *key)
{
	char buffer[READ_MAX + 1], *rest, *line;
	bool found = false;
	ssize_t length;

	while ((length = read(fd, buffer, READ_MAX)) > 0) {
		buffer[length] = '\0';
		rest = buffer;
		while ((line = strsep(&rest, "\n")))
			found = found || (*line && event_line_tells_of(line, key));
	}
	/* At the end of the stream the mount has ended, which the next look reports. */
	return found || length == 0 || errno != EAGAIN;
}

/* Sleeps until an event tells of the key, or for `pause_ms`. */
static void pause_for_event(int fd, const char *key, int64_t pause_ms)
{
	struct deadline end = deadline_begin(pause_ms);
	struct pollfd event = { .fd = fd, .events = POLLIN };
	int64_t left;

	while ((left = deadline_left_ms(&end)) > 0) {
		if (poll(&event, 1, (int)left) <= 0)
			return;
		if (event.revents & (POLLERR | POLLNVAL))
			event.fd = -1;
		if (read_events(fd, key))
			return;
	}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t pause_ms(const struct lock_state *state, const struct options *options, bool has_events, int64_t left_ms)
{
	int64_t pause = options->interval ? options->interval_ms : has_events ? LOOK_WITH_EVENTS_MS : LOOK_MS;

	if (state->kind != LOCK_FULL && state->remaining_ms != LEASE_NEVER)
		pause = least(pause, state->remaining_ms + 1);
	return least(pause, left_ms);
}

bool wait_is_free(const struct lock_state *state)
{
	return state->kind == LOCK_FREE || state->kind == LOCK_ROOM;
}

bool wait_until_free(const struct place *place, const struct options *options, const struct deadline *deadline,
		     bool (*is_enough)(const struct lock_state *state), struct lock_state *ret_state)
{
	const char *key = written(place->key);
	int fd = open_events(place);
	void *mark = text_mark();
	int64_t left;
	bool is_free;

	for (;;) {
		lock_must_look(place, ret_state);
		is_free = is_enough(ret_state);
		left = deadline_left_ms(deadline);
		if (is_free || left == 0)
			break;
		pause_for_event(fd, key, pause_ms(ret_state, options, fd >= 0, left));
		text_free_since(mark);
	}
	if (fd >= 0)
		close(fd);
	return is_free;
}
