#include "fs/dir_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct dir_entry {
	size_t name; /* where it starts in `names` */
	enum entry_kind kind;
};

static void clear(struct dir_stream *stream)
{
	free(stream->entries);
	free(stream->names);
	stream->entries = NULL;
	stream->names = NULL;
	stream->count = 0;
}

struct dir_stream *dir_stream_open(struct dir_stream **streams, uid_t uid)
{
	struct dir_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->uid = uid;
	DL_APPEND(*streams, stream);
	return stream;
}

void dir_stream_close(struct dir_stream **streams, struct dir_stream *stream)
{
	DL_DELETE(*streams, stream);
	clear(stream);
	free(stream);
}

void dir_streams_free(struct dir_stream **streams)
{
	while (*streams)
		dir_stream_close(streams, *streams);
}

int dir_stream_fill(struct dir_stream *stream, const struct list_item *items, size_t count)
{
	size_t size = 0;
	char *cursor;

	clear(stream);
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		size += strlen(items[i].name) + 1;
	stream->entries = calloc(count, sizeof(*stream->entries));
	stream->names = malloc(size);
	if (!stream->entries || !stream->names) {
		clear(stream);
		return -ENOMEM;
	}
	cursor = stream->names;
	for (size_t i = 0; i < count; i++) {
		stream->entries[i] = (struct dir_entry){ (size_t)(cursor - stream->names), items[i].kind };
		cursor = stpcpy(cursor, items[i].name) + 1;
	}
	stream->count = count;
	return 0;
}

bool dir_stream_at(const struct dir_stream *stream, size_t index, struct list_item *ret)
{
	if (index >= stream->count)
		return false;
	ret->name = stream->names + stream->entries[index].name;
	ret->kind = stream->entries[index].kind;
	return true;
}
