/*
 * Open directories. One pass over a directory shows what was there when it
 * began, however long it takes; names keep their offsets.
 */
#ifndef FS_DIR_STREAM_H
#define FS_DIR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lockfs/backend.h"

struct dir_stream {
	struct dir_entry *entries;
	size_t count;
	char *names;
	uid_t uid; /* who opened it */
	struct dir_stream *prev, *next;
};

/* NULL where there is no memory. */
struct dir_stream *dir_stream_open(struct dir_stream **streams, uid_t uid);
void dir_stream_close(struct dir_stream **streams, struct dir_stream *stream);

/* Closes all. */
void dir_streams_free(struct dir_stream **streams);

/* Begins a pass over these items, which are copied. Returns 0 or -ENOMEM. */
int dir_stream_fill(struct dir_stream *stream, const struct list_item *items, size_t count);

/* Tells the item at `index`; false behind the last. */
bool dir_stream_at(const struct dir_stream *stream, size_t index, struct list_item *ret);

#endif
