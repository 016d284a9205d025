/*
 * The events that readers have not read yet. All readers of a mount share one log of at most
 * 4 MiB, and each has a position in it. If the log is full, the oldest events are removed,
 * and each reader is told how many it lost.
 */
#ifndef FS_EVENTS_EVENT_LOG_H
#define FS_EVENTS_EVENT_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/caller/permission.h"
#include "fs/events/event_line.h"

struct event_record;

struct event_reader {
	const char *dir;          /* it reads events of locks below this directory, and events about no lock */
	enum event_format format;
	struct credentials who;   /* credentials of the caller that opened the stream, at that time */
	uint64_t since;           /* it reads events with a larger number */

	/* The rest belongs to event_log.c. */
	struct event_record *at;  /* the next event that it reads; NULL: it has read all */
	char *rest;               /* the end of a line that was read in part, or NULL */
	size_t rest_at;           /* bytes of `rest` that have been read */
	uint64_t lost;            /* events that it lost and was not told of yet */
	struct event_reader *prev, *next;
};

struct event_log {
	struct event_record *records;
	size_t size; /* bytes of all records */
	struct event_reader *readers;
	size_t reader_count;
	size_t restricted_count; /* readers other than root, who may not read every directory */
	uint64_t lost; /* events lost by all readers since the mount began */
	void (*on_news)(void *ctx, struct event_reader *reader); /* called if `reader` has something to read */
	void *ctx;
};

/* An event, and what decides who may see it. */
struct event_news {
	const struct lock_event *event;
	uint64_t number; /* in the order in which events were received */
	/* Directories of its key, from the root on. None: only root may see the event, unless it is about no lock. */
	const struct permissions *dirs;
	size_t dir_count;
};

/* From now on `reader` gets the events that are added, if they happened after `since`. */
void event_log_join(struct event_log *log, struct event_reader *reader);

/* Removes a reader. */
void event_log_leave(struct event_log *log, struct event_reader *reader);

/* Adds an event for the readers that may see it. */
void event_log_add(struct event_log *log, const struct event_news *news);

/* An event was lost before it could be added: counts it as lost for all readers. */
void event_log_lose(struct event_log *log);

/* Has this reader something to read? */
bool event_reader_has_news(const struct event_reader *reader);

/*
 * Reads as many whole lines as fit into `buffer`. A line that is longer than `size` is read
 * in parts. A reader with a buffer below 32 KiB gets one line: the `read` of a shell seeks
 * back over what follows the first line, which a stream cannot. Returns the number of
 * bytes; 0: there is no event; or -ENOMEM.
 */
ssize_t event_log_read(struct event_log *log, struct event_reader *reader, char *buffer, size_t size);

#endif
