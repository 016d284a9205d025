/* Shows what `acquire`, `wait` and `run` wait for, updated in place on a terminal. */
#include "scripts/lockctl/waiting_line.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/util/printable.h"
#include "lockfs/duration.h"
#include "scripts/lockctl/lock_report.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/text.h"

#define DELAY_MS 250 /* a wait that is over by then shows nothing */
#define UPDATE_MS 1000
#define NOTE_MAX 120
#define S_PER_DAY 86400

static pid_t shower;       /* the process that shows the line; 0: none */
static volatile bool *has_shown; /* shared with it */

static void sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* `since 14:02 (3 min 5 s)` of a time as `2026-11-25T14:02:30.484Z`; "" if that is none. */
static const char *since(const char *acquired)
{
	struct tm utc = { 0 }, local;
	char text[32];
	time_t then, now = time(NULL);

	if (!acquired || !strptime(acquired, "%Y-%m-%dT%H:%M:%S", &utc))
		return "";
	then = timegm(&utc);
	if (!localtime_r(&then, &local))
		return "";
	strftime(text, sizeof(text), now - then < S_PER_DAY ? "%H:%M" : "%Y-%m-%d %H:%M", &local);
	return text_make(" since %s (%s)", text, in_words((now - then) * 1000));
}

/* The first line of what the holder wrote into the lock; "" if there is none, or it may not be read. */
static const char *note_of(const struct place *place)
{
	int fd = open(place_path(place, "file"), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	char text[NOTE_MAX + 1];
	ssize_t length = fd < 0 ? 0 : read(fd, text, NOTE_MAX);

	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return "";
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return *text ? text_make(": %s", shown(text)) : "";
}

/* How many were there before us. More may come behind us, which cannot be told apart, so this number never grows. */
static long before_us(long waiters)
{
	static long least = -1;

	if (least < 0 || waiters - 1 < least)
		least = waiters > 0 ? waiters - 1 : 0;
	return least;
}

static char *line_of_room(const struct place *room, const struct lock_state *state)
{
	return text_make("waiting for room in %s: %ld of %ld locks are held, %ld wait", place_name(room), (long)state->taken,
			 (long)state->limit, (long)state->waiters);
}

static char *line_of_lock(const struct place *place, const struct lock_state *state)
{
	const char *lease = state->remaining_ms == LEASE_NEVER ? "for ever" : in_words(state->remaining_ms);
	const char *more = state->holders > 1 ? text_make(" and %ld more", (long)state->holders - 1) : "";

	return text_make("waiting for %s: held by %s%s%s, lease %s, %ld before you%s", place_name(place), state->owner ? state->owner : "somebody",
			 more, since(state->acquired), lease, before_us((long)state->waiters), note_of(place));
}

/* The line for now; NULL if nothing is to be waited for. *ret_owner is what a new line is printed for with -v. */
static char *waiting_line(const struct place *place, const char **ret_owner)
{
	struct place parent = place_parent(place);
	struct lock_state state;

	if (lock_look(place, &state) < 0)
		return NULL;
	if (state.kind == LOCK_FREE && lock_look(&parent, &state) == 0 && state.kind == LOCK_FULL)
		place = &parent;
	if (state.kind == LOCK_FULL) {
		*ret_owner = "";
		return line_of_room(place, &state);
	}
	if (state.kind != LOCK_ACQUIRED && state.kind != LOCK_UNAVAILABLE)
		return NULL;
	*ret_owner = text_make("%s %s", state.owner ? state.owner : "", state.acquired ? state.acquired : "");
	return line_of_lock(place, &state);
}

/* Cuts a line to what fits, and escapes what an owner may contain. Counts characters. */
static char *fitted(const char *line, size_t columns)
{
	size_t left = strlen(line);
	char *text = text_room(left * ESCAPED_BYTE + 1);
	char *at = text;

	for (size_t column = 0; left > 0 && column < columns; column++) {
		size_t plain = printable_length(line, left);
		size_t length = plain > 0 ? plain : 1;

		if (plain > 0)
			at = (char *)memcpy(at, line, plain) + plain;
		else
			*at++ = '?';
		line += length;
		left -= length;
	}
	*at = '\0';
	return text;
}

static void print_in_place(const char *line)
{
	struct winsize size;
	size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? (size_t)size.ws_col - 1 : 79;
	const char *text = text_make("\r%s\033[K", fitted(line, columns));

	if (write(STDERR_FILENO, text, strlen(text)) > 0)
		*has_shown = true;
}

static void keep_showing(const struct place *place, bool is_terminal)
{
	char last_owner[512] = "\n";
	void *mark = text_mark();

	for (sleep_ms(DELAY_MS);; sleep_ms(UPDATE_MS)) {
		const char *owner = "";
		const char *line = waiting_line(place, &owner);

		if (line && is_terminal) {
			print_in_place(line);
		} else if (line && strncmp(owner, last_owner, sizeof(last_owner) - 1) != 0) {
			say("%s", line);
			snprintf(last_owner, sizeof(last_owner), "%s", owner);
		}
		text_free_since(mark);
	}
}

void waiting_line_begin(const struct place *place, const struct options *options)
{
	bool is_terminal = isatty(STDERR_FILENO);
	pid_t parent = getpid();
	void *shared;

	if (options->quiet || !(is_terminal || options->verbose) || (options->wait_ms == 0 && !options->attempts))
		return;
	shared = mmap(NULL, sizeof(bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return;
	has_shown = shared;
	shower = fork();
	if (shower != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		keep_showing(place, is_terminal);
	_exit(0);
}

void waiting_line_end(void)
{
	static const char clear[] = "\r\033[K";

	if (shower > 0) {
		kill(shower, SIGKILL);
		waitpid(shower, NULL, 0);
		if (*has_shown && write(STDERR_FILENO, clear, sizeof(clear) - 1) < 0)
			return;
	}
	if (has_shown)
		munmap((void *)has_shown, sizeof(bool));
	has_shown = NULL;
	shower = 0;
}
