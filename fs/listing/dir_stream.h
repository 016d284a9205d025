/*
 * Open directories. One pass over a directory shows what its listing told, however long
 * reading takes: names are kept, and keep their offsets. They count in their user's quota.
 */
#ifndef FS_LISTING_DIR_STREAM_H
#define FS_LISTING_DIR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/quota.h"
#include "lockfs/backend.h"

struct dir_read;

struct dir_stream {
	uid_t uid;                /* who opened it */
	struct dir_read *reading; /* the pass that is beginning (dir_reads.h); NULL: none */

	/* The rest belongs to dir_stream.c. */
	struct quota *quota;
	char *names;         /* each with a letter for its kind in front */
	size_t size;
	size_t capacity;
	uint32_t *table;     /* of a name, its offset and 1; NULL: no name is told again */
	size_t table_size;   /* a power of 2 */
	size_t count;
	uint64_t seed;       /* of the hashes in the table, so that nobody can make names that meet there */
	struct dir_stream *prev, *next;
};

/* `quota`: the bytes of names that each user has. NULL where there is no memory. */
struct dir_stream *dir_stream_open(struct dir_stream **streams, struct quota *quota, uid_t uid);
void dir_stream_close(struct dir_stream **streams, struct dir_stream *stream);

/* Closes all. */
void dir_streams_free(struct dir_stream **streams);

/* A pass begins: no names yet. */
void dir_stream_begin(struct dir_stream *stream);

/*
 * Adds the names of a page, which are copied; with `repeats` those that are new. `expected`:
 * about how many names there will be. Returns 0, -ENOMEM, or what the quota says.
 */
int dir_stream_add(struct dir_stream *stream, const struct list_item *items, size_t count, bool repeats,
                   size_t expected);

/* All names are there: what only adding needed is given back. */
void dir_stream_end(struct dir_stream *stream);

/*
 * Tells the item at a place, which is 0 for the first one, and the place of the next. False: none
 * is there, as behind the last.
 */
bool dir_stream_at(const struct dir_stream *stream, size_t place, struct list_item *ret, size_t *ret_next);

#endif
