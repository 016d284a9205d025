/*
 * The names of an open directory, in one block of memory. An offset of readdir(2) is the position of a name in that
 * block, so it stays valid however often the caller seeks, until the directory is read again from its start.
 */
#include "fs/listing/dir_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/random_id.h"

#define FIRST_CAPACITY 4096 /* bytes */

/* Bytes of names: positions in the table have 32 bits. */
#define CAPACITY_MAX ((size_t)UINT32_MAX)

/* The largest number of names that the table is made for at once; it then takes 1 GiB. */
#define EXPECTED_MAX ((size_t)1 << 27)

/* A letter before each name says whether it is a lock or a directory. */
enum { KIND_SIZE = 1 };

static const char dir_letter = 'd';
static const char form_letters[] = { [FORM_FILE] = 'f', [FORM_SYMLINK] = 'l', [FORM_DIRECTORY] = 'm', [FORM_UNKNOWN] = 'u' };

static char letter_of(const struct list_item *item)
{
	if (item->kind == ENTRY_DIR)
		return dir_letter;
	return form_letters[item->form];
}

static enum lock_form form_of(char letter)
{
	for (size_t form = 0; form < sizeof(form_letters); form++)
		if (letter == form_letters[form])
			return (enum lock_form)form;
	return FORM_FILE;
}

static void drop_table(struct dir_stream *stream)
{
	quota_give(stream->quota, stream->uid, stream->table_size * sizeof(*stream->table));
	free(stream->table);
	stream->table = NULL;
	stream->table_size = 0;
}

void dir_stream_begin(struct dir_stream *stream)
{
	drop_table(stream);
	quota_give(stream->quota, stream->uid, stream->capacity);
	free(stream->names);
	stream->names = NULL;
	stream->size = 0;
	stream->capacity = 0;
	stream->count = 0;
}

struct dir_stream *dir_stream_open(struct dir_stream **streams, struct quota *quota, uid_t uid)
{
	struct dir_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->quota = quota;
	stream->uid = uid;
	/* A machine that is starting may have no randomness yet. */
	if (random_bytes(&stream->seed, sizeof(stream->seed)) < 0)
		stream->seed = (uint64_t)boot_ns();
	DL_APPEND(*streams, stream);
	return stream;
}

void dir_stream_close(struct dir_stream **streams, struct dir_stream *stream)
{
	DL_DELETE(*streams, stream);
	dir_stream_begin(stream);
	free(stream);
}

void dir_streams_free(struct dir_stream **streams)
{
	while (*streams)
		dir_stream_close(streams, *streams);
}

/* The table of names: finds those that the backend lists twice */

static size_t hash_of(const struct dir_stream *stream, const char *name)
{
	uint64_t hash = stream->seed;

	for (; *name; name++) {
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x9fb21c651e98df25);
		hash ^= hash >> 29;
	}
	return (size_t)hash;
}

/* The slot of a name in the table, or the free slot for it. */
static uint32_t *find_slot(const struct dir_stream *stream, const char *name)
{
	size_t mask = stream->table_size - 1;
	size_t index = hash_of(stream, name) & mask;

	while (stream->table[index] && strcmp(stream->names + stream->table[index] - 1 + KIND_SIZE, name) != 0)
		index = (index + 1) & mask;
	return &stream->table[index];
}

/* Makes a table of this size and enters all names of the stream. Returns 0, -ENOMEM, or the error of the quota. */
static int make_table(struct dir_stream *stream, size_t size)
{
	uint32_t *table;
	int err = quota_take(stream->quota, stream->uid, size * sizeof(*table));

	if (err < 0)
		return err;
	table = calloc(size, sizeof(*table));
	if (!table) {
		quota_give(stream->quota, stream->uid, size * sizeof(*table));
		return -ENOMEM;
	}
	drop_table(stream);
	stream->table = table;
	stream->table_size = size;
	for (size_t position = 0; position < stream->size; position += strlen(stream->names + position) + 1)
		*find_slot(stream, stream->names + position + KIND_SIZE) = (uint32_t)position + 1;
	return 0;
}

/* Makes sure that the table has room for `names` names and is at most half full then. */
static int ensure_table(struct dir_stream *stream, size_t names)
{
	size_t size = 1024;

	if (stream->table && stream->table_size >= 2 * names)
		return 0;
	while (size < 2 * names)
		size *= 2;
	return make_table(stream, size);
}

/* Names */

/* Makes room for `more` bytes. */
static int ensure_capacity(struct dir_stream *stream, size_t more)
{
	size_t capacity = stream->capacity ? stream->capacity : FIRST_CAPACITY;
	char *names;
	int err;

	if (more <= stream->capacity - stream->size)
		return 0;
	while (more > capacity - stream->size)
		capacity *= 2;
	if (capacity > CAPACITY_MAX)
		return -ENOMEM;
	err = quota_take(stream->quota, stream->uid, capacity - stream->capacity);
	if (err < 0)
		return err;
	names = realloc(stream->names, capacity);
	if (!names) {
		quota_give(stream->quota, stream->uid, capacity - stream->capacity);
		return -ENOMEM;
	}
	stream->names = names;
	stream->capacity = capacity;
	return 0;
}

/* Adds a name, unless the table has it. Returns 0, -ENOMEM, or the error of the quota. */
static int add_name(struct dir_stream *stream, const struct list_item *item)
{
	size_t size = KIND_SIZE + strlen(item->name) + 1;
	uint32_t *slot = NULL;
	int err = ensure_capacity(stream, size);

	if (err == 0 && stream->table) {
		err = ensure_table(stream, stream->count + 1);
		if (err < 0)
			return err;
		slot = find_slot(stream, item->name);
		if (*slot)
			return 0;
	}
	if (err < 0)
		return err;
	if (slot)
		*slot = (uint32_t)stream->size + 1;
	stream->names[stream->size] = letter_of(item);
	stpcpy(stream->names + stream->size + KIND_SIZE, item->name);
	stream->size += size;
	stream->count++;
	return 0;
}

int dir_stream_add(struct dir_stream *stream, const struct list_item *items, size_t count, bool repeats,
                   size_t expected)
{
	int err = 0;

	/* Made in its final size at once, as entering all names again into a larger table takes long. */
	if (repeats && !stream->table)
		err = ensure_table(stream, expected < EXPECTED_MAX ? expected : EXPECTED_MAX);
	for (size_t i = 0; err == 0 && i < count; i++)
		err = add_name(stream, &items[i]);
	return err;
}

void dir_stream_end(struct dir_stream *stream)
{
	char *names = stream->size ? realloc(stream->names, stream->size) : NULL;

	drop_table(stream);
	if (!names)
		return;
	stream->names = names;
	quota_give(stream->quota, stream->uid, stream->capacity - stream->size);
	stream->capacity = stream->size;
}

bool dir_stream_at(const struct dir_stream *stream, size_t position, struct list_item *ret, size_t *ret_next)
{
	/* A program may seek to any offset, so this checks that a name starts here. */
	if (position >= stream->size || (position > 0 && stream->names[position - 1] != '\0'))
		return false;
	ret->kind = stream->names[position] == dir_letter ? ENTRY_DIR : ENTRY_LOCK;
	ret->form = form_of(stream->names[position]);
	ret->name = stream->names + position + KIND_SIZE;
	*ret_next = position + KIND_SIZE + strlen(ret->name) + 1;
	return true;
}
