/*
 * Events as lines: of `.events`, fields separated by a TAB; of `.events.json`, one
 * object. Whatever bytes a key or owner has, a line is one line, and each field can
 * be read back.
 */
#ifndef FS_EVENTS_EVENT_LINE_H
#define FS_EVENTS_EVENT_LINE_H

#include <stddef.h>

#include "lockfs/event.h"

enum event_format { EVENT_TEXT, EVENT_JSON };

/* Room for every line, its newline and a NUL included. */
#define EVENT_LINE_MAX 12288

/*
 * Prints the line of an event; what is beyond the longest key and owner is cut off.
 * Returns its length, with the newline.
 */
size_t event_line_print(const struct lock_event *event, enum event_format format, char line[EVENT_LINE_MAX]);

#endif
