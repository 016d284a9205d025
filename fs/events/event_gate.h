/*
 * What events pass on their way into the log: readers other than root are told only of what is in
 * directories that they could list. Where such a reader is, the settings of these directories
 * are asked for, and kept for a moment; events wait for that in their order. What is not known is not told.
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
	struct dir_access root;   /* of this mount */
	uint64_t number;          /* of the last event that came */
	struct held_event *held;  /* that wait, the first that came first */
	size_t held_size;         /* of these, in bytes */
	struct known_dir *known;  /* by path, those asked for longest ago first */
	struct known_dir *asking; /* whose settings are being asked for; NULL: none */
	uv_idle_t turn; /* active while events may pass in the next turn of the loop */
};

void event_gate_init(struct event_gate *gate, uv_loop_t *loop, struct event_log *log, const struct dir_access *root);

/* Before the backend is closed; and when it is. */
void event_gate_stop(struct event_gate *gate);
void event_gate_free(struct event_gate *gate);

/* An event happened. It may come from within a call of the backend. */
void event_gate_add(struct event_gate *gate, const struct lock_event *event);

/* Is this the text of the path that is being asked for? That this failed is no event: it would be asked for again. */
bool event_gate_asks(const struct event_gate *gate, const char *path);

#endif
