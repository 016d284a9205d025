/*
 * Prints events as lines: fields separated by TABs in `.events`, JSON objects in
 * `.events.json`. Whatever bytes a key or an owner has, an event is one line, and a program
 * can recover each field from it.
 */
#ifndef FS_EVENTS_EVENT_LINE_H
#define FS_EVENTS_EVENT_LINE_H

#include <stddef.h>

#include "lockfs/event.h"

enum event_format { EVENT_TEXT, EVENT_JSON };

/* Bytes of the longest line, with its newline and a NUL. */
#define EVENT_LINE_MAX 12288

/*
 * Prints the line of an event. Keys and owners that are too long are cut off. Returns the
 * length of the line, with its newline.
 */
size_t event_line_print(const struct lock_event *event, enum event_format format, char line[EVENT_LINE_MAX]);

#endif
