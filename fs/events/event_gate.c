/* Holds events back until the permissions of all directories of their keys are known. */
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

/* 4 MiB of waiting events: some ten thousand. */
#define HELD_MAX (4 * 1024 * 1024)

/* 1 s: oldest permissions that decide on an event, counted from the read to the event. */
#define KNOWN_NS NS_PER_S

/* Cached directories. More than any key has, so that all that one event needs are cached together. */
#define KNOWN_MAX 1024

#define DIRS_MAX (LOCK_KEY_MAX / 2 + 1)

struct held_event {
	struct lock_event event; /* its texts are in `text` */
	uint64_t number;
	int64_t received_ns;     /* CLOCK_BOOTTIME */
	size_t size;
	struct held_event *prev, *next;
	char text[];
};

struct known_dir {
	struct permissions permissions;
	bool is_known;    /* false: only root sees events in it */
	int64_t read_ns;  /* CLOCK_BOOTTIME */
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

/* Returns the length of the next longer directory path of a key, after the one of `length` bytes; 0: only the name follows. */
static size_t next_dir(const struct lock_event *event, size_t length)
{
	const char *key = event->key;
	const char *slash = strchr(key + length + (length > 0), '/');
	size_t whole = strlen(key);

	if (slash)
		return (size_t)(slash - key);
	/* The key of EVENT_FULL is a directory itself. */
	return event->kind == EVENT_FULL && length < whole ? whole : 0;
}

/*
 * Finds the permissions of all directories of a key. Returns their number; 0: the permissions
 * of one cannot be known; or -EAGAIN: the first `*ret_length` bytes of the key are a directory
 * that must be read first.
 */
static int find_dirs(const struct event_gate *gate, const struct lock_event *event, int64_t received_ns,
                     struct permissions dirs[DIRS_MAX], size_t *ret_length)
{
	int count = 0;

	dirs[count++] = gate->root;
	for (size_t length = next_dir(event, 0); length > 0 && count < DIRS_MAX; length = next_dir(event, length)) {
		struct known_dir *dir;

		HASH_FIND(hh, gate->known, event->key, length, dir);
		if (!dir || dir->read_ns < received_ns - KNOWN_NS) {
			*ret_length = length;
			return -EAGAIN;
		}
		if (!dir->is_known)
			return 0;
		dirs[count++] = dir->permissions;
	}
	return count;
}

/* Adds an event to the log. Returns false if a directory must be read first. */
static bool pass(struct event_gate *gate, const struct lock_event *event, uint64_t number, int64_t received_ns,
                 size_t *ret_length)
{
	struct permissions dirs[DIRS_MAX];
	struct event_news news = { .event = event, .number = number, .dirs = dirs };
	int count = 0;

	if (event->key && gate->log->restricted_count > 0)
		count = find_dirs(gate, event, received_ns, dirs, ret_length);
	if (count < 0)
		return false;
	news.dir_count = (size_t)count;
	event_log_add(gate->log, &news);
	return true;
}

/* Reading directories */

static void arm_turn(struct event_gate *gate);

static void on_read(void *ctx, int status, const struct entry *entry)
{
	struct event_gate *gate = ctx;
	struct known_dir *dir = gate->asking;
	bool is_gone = status == -ENOENT || (status == 0 && entry->kind != ENTRY_DIR);

	gate->asking = NULL;
	dir->read_ns = boot_ns();
	/* After a directory was removed, its last permissions decide on earlier events in it. */
	if (!is_gone)
		dir->is_known = status == 0;
	if (status == 0 && !is_gone)
		dir->permissions = permissions_of_dir(&entry->dir);
	arm_turn(gate);
}

/* Moves the cache entry of a directory to the end, or makes it. Returns NULL if there is no memory. */
static struct known_dir *touch_dir(struct event_gate *gate, const char *path, size_t length)
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

static void read_dir(struct event_gate *gate, size_t length)
{
	struct known_dir *dir = touch_dir(gate, gate->held->event.key, length);

	if (!dir) {
		event_log_lose(gate->log);
		drop_first(gate);
		arm_turn(gate);
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

		if (!pass(gate, &gate->held->event, gate->held->number, gate->held->received_ns, &length)) {
			read_dir(gate, length);
			return;
		}
		drop_first(gate);
	}
}

static void arm_turn(struct event_gate *gate)
{
	if (gate->held && !gate->asking && gate->backend && !uv_is_closing((uv_handle_t *)&gate->turn))
		uv_idle_start(&gate->turn, on_turn);
}

/* Events */

static void hold(struct event_gate *gate, const struct lock_event *event, int64_t received_ns)
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
	held->received_ns = received_ns;
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
	arm_turn(gate);
}

void event_gate_add(struct event_gate *gate, const struct lock_event *event)
{
	int64_t received_ns = boot_ns();
	size_t length;

	gate->number++;
	if (gate->log->reader_count == 0 && !gate->held)
		return;
	if (gate->held || !pass(gate, event, gate->number, received_ns, &length))
		hold(gate, event, received_ns);
}

bool event_gate_asks(const struct event_gate *gate, const char *path)
{
	return gate->asking && gate->asking->path == path;
}

void event_gate_init(struct event_gate *gate, uv_loop_t *loop, struct event_log *log, const struct permissions *root)
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
