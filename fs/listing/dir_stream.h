/*
 * Open directories. The names of one listing are kept in memory until the directory is read again or closed, so that
 * they and their offsets do not change while a program reads them. Their user is charged for that memory.
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
	uid_t uid;                /* the user who opened the directory */
	struct dir_read *reading; /* the read that is filling the stream, see dir_reads.h; NULL: none */

	/* The rest is private to dir_stream.c. */
	struct quota *quota;
	char *names;         /* each name with a letter for its kind before it and a NUL behind it */
	size_t size;         /* bytes used of `names` */
	size_t capacity;     /* bytes allocated for `names` */
	uint32_t *table;     /* hash table: position of a name in `names`, plus 1; 0: free. NULL: no name is listed twice */
	size_t table_size;   /* slots: a power of 2 */
	size_t count;        /* names in `names` */
	uint64_t seed;       /* random seed of the hashes, so that a user cannot choose names that collide */
	struct dir_stream *prev, *next;
};

/* Opens a stream in the list `streams`. `quota` limits the bytes of names of each user. Returns NULL without memory. */
struct dir_stream *dir_stream_open(struct dir_stream **streams, struct quota *quota, uid_t uid);
void dir_stream_close(struct dir_stream **streams, struct dir_stream *stream);

/* Closes all streams in the list. */
void dir_streams_free(struct dir_stream **streams);

/* Removes all names, before a new listing is read. */
void dir_stream_begin(struct dir_stream *stream);

/*
 * Adds copies of the names of a page. With `repeats` the backend may list a name twice, and only new names are added.
 * `expected` is about how many names the whole listing has. Returns 0, -ENOMEM, or the error of the quota.
 */
int dir_stream_add(struct dir_stream *stream, const struct list_item *items, size_t count, bool repeats,
                   size_t expected);

/* The listing is complete: frees the memory that only dir_stream_add() needs. */
void dir_stream_end(struct dir_stream *stream);

/*
 * Sets `ret` to the name at `position` (0 for the first) and `ret_next` to the position of the next one. Returns false
 * if no name starts at `position`, as behind the last one.
 */
bool dir_stream_at(const struct dir_stream *stream, size_t position, struct list_item *ret, size_t *ret_next);

#endif
