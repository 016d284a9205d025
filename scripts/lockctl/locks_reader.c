/* Reads and parses the lines of `.locks`. The values stay in the memory that they were read into. */
#include "scripts/lockctl/locks_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "scripts/lockctl/list.h"
#include "scripts/lockctl/text.h"

#define CHUNK 262144
#define READ_MIN 65536

#define LOCK_FIELD(id, name, kind) [FIELD_##id] = { name, KIND_##kind },
const struct lock_field lock_fields[FIELDS] = { LOCK_FIELDS(LOCK_FIELD) };

/* The field of this name, which is `expected` unless the daemon is of another version; FIELDS if there is none. */
static size_t field_of(const char *name, size_t expected)
{
	if (expected < FIELDS && strcmp(lock_fields[expected].name, name) == 0)
		return expected;
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(lock_fields[i].name, name) == 0)
			return i;
	return FIELDS;
}

bool locks_line_parse(char *line, struct lock_row *ret)
{
	char *rest = line;
	char *word = strsep(&rest, "\t");

	*ret = (struct lock_row){ 0 };
	if (!*word)
		return false;
	text_unescape(word);
	ret->values[FIELD_KEY] = word;
	ret->is_below = strchr(word, '/') != NULL;
	for (size_t expected = FIELD_STATE; (word = strsep(&rest, "\t")); expected++) {
		char *value = strchr(word, '=');
		size_t field;

		if (!value)
			return false;
		*value++ = '\0';
		field = field_of(word, expected);
		if (field == FIELDS || field == FIELD_KEY || strcmp(value, "-") == 0)
			continue;
		text_unescape(value);
		ret->values[field] = value;
	}
	return ret->values[FIELD_STATE] != NULL;
}

/* What was read and not parsed yet. */
struct chunk {
	char *text;
	size_t used, room;
};

/* Makes room behind what is left; lines that were parsed stay where they are. */
static void chunk_extend(struct chunk *chunk)
{
	struct chunk next = { .used = chunk->used, .room = chunk->used * 2 + CHUNK };

	if (chunk->room - chunk->used >= READ_MIN)
		return;
	next.text = text_room(next.room);
	if (chunk->used > 0)
		memcpy(next.text, chunk->text, chunk->used);
	*chunk = next;
}

/* Parses all whole lines. False if one of them is none. */
static bool chunk_parse(struct chunk *chunk, const char *prefix, struct lock_row **rows)
{
	char *end;

	while ((end = memchr(chunk->text, '\n', chunk->used))) {
		struct lock_row *row = text_room(sizeof(*row));
		size_t length = (size_t)(end - chunk->text) + 1;

		*end = '\0';
		if (strlen(chunk->text) + 1 != length || !locks_line_parse(chunk->text, row))
			return false;
		if (*prefix)
			row->values[FIELD_KEY] = text_make("%s%s", prefix, row->values[FIELD_KEY]);
		row->next = *rows;
		*rows = row;
		chunk->text += length;
		chunk->used -= length;
		chunk->room -= length;
	}
	return true;
}

int locks_read(int fd, const char *prefix, struct lock_row **rows)
{
	struct chunk chunk = { 0 };
	ssize_t length;

	do {
		chunk_extend(&chunk);
		do
			length = read(fd, chunk.text + chunk.used, chunk.room - chunk.used);
		while (length < 0 && errno == EINTR);
		if (length < 0)
			return -errno;
		chunk.used += (size_t)length;
		if (!chunk_parse(&chunk, prefix, rows))
			return -EPROTO;
	} while (length > 0);
	return chunk.used > 0 ? -EPROTO : 0;
}
