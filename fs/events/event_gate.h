/*
 * The gate that events pass on their way into the log. Readers other than root may see only
 * events in directories that they could list. While there is such a reader, the permissions
 * of these directories are read from the backend and cached for 1 s. Events wait for that in
 * their order. If the permissions cannot be read, only root sees the event.
 */
#ifndef FS_EVENTS_EVENT_GATE_H
#define FS_EVENTS_EVENT_GATE_H

#include <stdbool.h>
#include <uv.h>

#include "fs/events/event_log.h"
#include "lockfs/backend.h"

struct event_gate {
	struct backend *backend;  /* set by the owner; NULL: it was closed */
	struct event_log *log;
	struct permissions root;  /* permissions of the root directory of this mount */
	uint64_t number;          /* number of the last event received; the first has 1 */
	struct held_event *held;  /* waiting events, oldest first */
	size_t held_size;         /* bytes of the waiting events */
	struct known_dir *known;  /* directories by path, in the order of their last read */
	struct known_dir *asking; /* the directory that is being read; NULL: none */
	uv_idle_t turn;           /* active while events may pass in the next turn of the loop */
};

/* `root`: permissions of the root directory. */
void event_gate_init(struct event_gate *gate, uv_loop_t *loop, struct event_log *log, const struct permissions *root);

/* Called before the backend is closed. */
void event_gate_stop(struct event_gate *gate);

/* Called after the backend was closed. */
void event_gate_free(struct event_gate *gate);

/* Adds an event that has just happened. May be called by the backend within any call. */
void event_gate_add(struct event_gate *gate, const struct lock_event *event);

/*
 * Is `path` the very text that the gate has passed to the backend? If that read fails, the
 * failure must not become an event: the gate would read the directory again for it.
 */
bool event_gate_asks(const struct event_gate *gate, const char *path);

#endif
