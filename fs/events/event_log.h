/*
 * The events that readers have not read yet. All readers of a mount share one log,
 * each with a place in it, so that slow ones take a bounded memory together; where
 * that is used up, the oldest events go, and each reader is told how many it lost.
 */
#ifndef FS_EVENTS_EVENT_LOG_H
#define FS_EVENTS_EVENT_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/caller/permission.h"
#include "fs/events/event_line.h"

struct event_record;

struct event_reader {
	const char *dir;          /* it is told of the locks below, and of what is about no lock */
	enum event_format format;
	struct credentials who;   /* when it was opened */
	uint64_t since;           /* it is told of what comes after the event of this number */

	/* The rest belongs to event_log.c. */
	struct event_record *at;  /* the next that it reads; NULL: it has read all */
	char *rest;               /* of a line that was read in part, or NULL */
	size_t rest_at;
	uint64_t lost;            /* since it was told last */
	struct event_reader *prev, *next;
};

struct event_log {
	struct event_record *records;
	size_t size; /* of all records, in bytes */
	struct event_reader *readers;
	size_t reader_count;
	size_t restricted_count; /* of those who may not read every directory, as all but root */
	uint64_t lost; /* by all readers, ever */
	void (*news)(void *ctx, struct event_reader *reader); /* this reader has something to read */
	void *ctx;
};

/* An event, and who may know of it. */
struct event_news {
	const struct lock_event *event;
	uint64_t number; /* in the order in which they happened */
	/* The directories that its key is in, from the root on. None: only root may know of it, unless it is about no lock. */
	const struct dir_access *dirs;
	size_t dir_count;
};

/* A reader reads what is added from now on, and happened after `since`. */
void event_log_join(struct event_log *log, struct event_reader *reader);
void event_log_leave(struct event_log *log, struct event_reader *reader);

void event_log_add(struct event_log *log, const struct event_news *news);

/* An event was lost before it could be added: all readers are told so. */
void event_log_lose(struct event_log *log);

bool event_reader_has_news(const struct event_reader *reader);

/*
 * Takes whole lines, as many as fit; of one that is longer than `size`, a part. Who
 * asks for little gets one line, because shells read on for more and then seek back.
 * Returns how much that is; 0: there is nothing; or -ENOMEM.
 */
ssize_t event_log_read(struct event_log *log, struct event_reader *reader, char *buffer, size_t size);

#endif
