#include "fs/events/event_gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "backend/util/text_copy.h"
#include "fs/caller/permission.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* Of events that wait: some ten thousand. */
#define HELD_MAX (4 * 1024 * 1024)

/* What is known of a directory was asked for no longer than this before an event. */
#define KNOWN_NS NS_PER_S

/* More than any key has directories, so that all that one event needs is kept. */
#define KNOWN_MAX 1024

#define DIRS_MAX (LOCK_KEY_MAX / 2 + 1)

struct held_event {
	struct lock_event event; /* its texts are behind it */
	uint64_t number;
	int64_t came_ns;         /* CLOCK_BOOTTIME */
	size_t size;
	struct held_event *prev, *next;
	char text[];
};

struct known_dir {
	struct dir_access access;
	bool is_known;    /* else nobody but root is told of what is in it */
	int64_t asked_ns; /* CLOCK_BOOTTIME */
	UT_hash_handle hh;
	char path[];
};

static void forget_dir(struct event_gate *gate, struct known_dir *dir)
{
	HASH_DELETE(hh, gate->known, dir);
	free(dir);
}

static void drop_first(struct event_gate *gate)
{
	struct held_event *first = gate->held;

	DL_DELETE(gate->held, first);
	gate->held_size -= first->size;
	free(first);
}

/* The length of the path of the directory that is next behind `length` bytes of a key; 0: the name follows. */
static size_t next_dir(const char *key, size_t length)
{
	const char *slash = strchr(key + length + (length > 0), '/');

	return slash ? (size_t)(slash - key) : 0;
}

/*
 * Finds the settings of all directories of a key. Returns how many they are; 0: one of them
 * cannot be known; or -EAGAIN, and the first `*ret_length` bytes are a directory to be asked for.
 */
static int find_dirs(const struct event_gate *gate, const char *key, int64_t came_ns,
                     struct dir_access dirs[DIRS_MAX], size_t *ret_length)
{
	int count = 0;

	dirs[count++] = gate->root;
	for (size_t length = next_dir(key, 0); length > 0 && count < DIRS_MAX; length = next_dir(key, length)) {
		struct known_dir *dir;

		HASH_FIND(hh, gate->known, key, length, dir);
		if (!dir || dir->asked_ns < came_ns - KNOWN_NS) {
			*ret_length = length;
			return -EAGAIN;
		}
		if (!dir->is_known)
			return 0;
		dirs[count++] = dir->access;
	}
	return count;
}

/* Adds an event to the log; false where a directory is to be asked for first. */
static bool pass(struct event_gate *gate, const struct lock_event *event, uint64_t number, int64_t came_ns,
                 size_t *ret_length)
{
	struct dir_access dirs[DIRS_MAX];
	struct event_news news = { .event = event, .number = number, .dirs = dirs };
	int count = 0;

	if (event->key && gate->log->restricted_count > 0)
		count = find_dirs(gate, event->key, came_ns, dirs, ret_length);
	if (count < 0)
		return false;
	news.dir_count = (size_t)count;
	event_log_add(gate->log, &news);
	return true;
}

/* Asking */

static void arm(struct event_gate *gate);

static void on_read(void *ctx, int status, const struct entry *entry)
{
	struct event_gate *gate = ctx;
	struct known_dir *dir = gate->asking;
	bool is_gone = status == -ENOENT || (status == 0 && entry->kind != ENTRY_DIR);

	gate->asking = NULL;
	dir->asked_ns = boot_ns();
	/* Of one that is gone the last settings decide who learns of what happened in it before. */
	if (!is_gone)
		dir->is_known = status == 0;
	if (status == 0 && !is_gone)
		dir->access = (struct dir_access){ entry->dir.mode, entry->dir.uid, entry->dir.gid };
	arm(gate);
}

/* The entry for a directory, as the one that was asked for last; NULL: there is no memory. */
static struct known_dir *renew_dir(struct event_gate *gate, const char *path, size_t length)
{
	struct known_dir *dir;

	HASH_FIND(hh, gate->known, path, length, dir);
	if (dir) {
		HASH_DELETE(hh, gate->known, dir);
	} else {
		if (HASH_COUNT(gate->known) >= KNOWN_MAX)
			forget_dir(gate, gate->known);
		dir = calloc(1, sizeof(*dir) + length + 1);
		if (!dir)
			return NULL;
		memcpy(dir->path, path, length);
	}
	HASH_ADD_KEYPTR(hh, gate->known, dir->path, length, dir);
	if (dir->hh.tbl)
		return dir;
	free(dir);
	return NULL;
}

static void ask(struct event_gate *gate, size_t length)
{
	struct known_dir *dir = renew_dir(gate, gate->held->event.key, length);

	if (!dir) {
		event_log_lose(gate->log);
		drop_first(gate);
		arm(gate);
		return;
	}
	gate->asking = dir;
	backend_read(gate->backend, dir->path, on_read, gate);
}

static void on_turn(uv_idle_t *turn)
{
	struct event_gate *gate = turn->data;

	uv_idle_stop(turn);
	while (gate->held && !gate->asking) {
		size_t length;

		if (!pass(gate, &gate->held->event, gate->held->number, gate->held->came_ns, &length)) {
			ask(gate, length);
			return;
		}
		drop_first(gate);
	}
}

static void arm(struct event_gate *gate)
{
	if (gate->held && !gate->asking && gate->backend && !uv_is_closing((uv_handle_t *)&gate->turn))
		uv_idle_start(&gate->turn, on_turn);
}

/* Events */

static void hold(struct event_gate *gate, const struct lock_event *event, int64_t came_ns)
{
	size_t size = sizeof(struct held_event) + text_size(event->key) + text_size(event->owner);
	struct held_event *held = malloc(size);
	char *cursor;

	if (!held) {
		event_log_lose(gate->log);
		return;
	}
	held->event = *event;
	held->number = gate->number;
	held->came_ns = came_ns;
	held->size = size;
	cursor = held->text;
	if (event->key)
		held->event.key = copy_text(&cursor, event->key);
	if (event->owner)
		held->event.owner = copy_text(&cursor, event->owner);
	DL_APPEND(gate->held, held);
	gate->held_size += size;
	while (gate->held_size > HELD_MAX) {
		event_log_lose(gate->log);
		drop_first(gate);
	}
	arm(gate);
}

void event_gate_add(struct event_gate *gate, const struct lock_event *event)
{
	int64_t came_ns = boot_ns();
	size_t length;

	gate->number++;
	if (gate->log->reader_count == 0 && !gate->held)
		return;
	if (gate->held || !pass(gate, event, gate->number, came_ns, &length))
		hold(gate, event, came_ns);
}

bool event_gate_asks(const struct event_gate *gate, const char *path)
{
	return gate->asking && gate->asking->path == path;
}

void event_gate_init(struct event_gate *gate, uv_loop_t *loop, struct event_log *log, const struct dir_access *root)
{
	*gate = (struct event_gate){ .log = log, .root = *root };
	uv_idle_init(loop, &gate->turn);
	gate->turn.data = gate;
}

void event_gate_stop(struct event_gate *gate)
{
	uv_close((uv_handle_t *)&gate->turn, NULL);
	gate->backend = NULL;
}

void event_gate_free(struct event_gate *gate)
{
	while (gate->held)
		drop_first(gate);
	while (gate->known)
		forget_dir(gate, gate->known);
}
