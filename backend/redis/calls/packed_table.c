/*
 * Writes tables of named texts as MessagePack. Only three of its types are needed, and the
 * decoder of every server that has scripts (lua_cmsgpack, Redis 2.6 on) knows them.
 */
#include "backend/redis/calls/packed_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 512 /* bytes, as an acquisition takes some 400 */
#define FIELDS_MAX 65535
#define SHORT_TEXT_MAX 31 /* bytes of a text whose length is in the byte of its type */

enum {
	TYPE_MAP_16 = 0xde,     /* the number of fields follows, 2 bytes */
	TYPE_SHORT_TEXT = 0xa0, /* or-ed with the length */
	TYPE_TEXT_32 = 0xdb,    /* the length follows, 4 bytes */
};

#define MAP_HEADER_SIZE 3
#define TEXT_HEADER_MAX 5

static void put_big_endian(char *to, size_t number, size_t size)
{
	for (size_t i = size; i-- > 0; number >>= 8)
		to[i] = (char)(number & 0xff);
}

static void fail(struct packed_table *table)
{
	packed_table_free(table);
	table->failed = true;
}

/* Makes room for `size` more bytes. */
static bool reserve(struct packed_table *table, size_t size)
{
	size_t capacity = table->capacity ? table->capacity : FIRST_CAPACITY;
	char *bytes;

	while (capacity - table->size < size)
		capacity *= 2;
	if (capacity == table->capacity)
		return true;
	bytes = realloc(table->bytes, capacity);
	if (!bytes)
		return false;
	table->bytes = bytes;
	table->capacity = capacity;
	return true;
}

/* Appends a text for which there is room. */
static void append(struct packed_table *table, const char *text, size_t length)
{
	char *to = table->bytes + table->size;

	if (length <= SHORT_TEXT_MAX) {
		*to++ = (char)(TYPE_SHORT_TEXT | length);
	} else {
		*to = (char)TYPE_TEXT_32;
		put_big_endian(to + 1, length, TEXT_HEADER_MAX - 1);
		to += TEXT_HEADER_MAX;
	}
	memcpy(to, text, length);
	table->size = (size_t)(to + length - table->bytes);
}

void packed_table_add_bytes(struct packed_table *table, const char *name, const char *bytes, size_t length)
{
	size_t name_length = strlen(name);

	if (table->failed)
		return;
	if (table->fields == FIELDS_MAX ||
		!reserve(table, MAP_HEADER_SIZE + TEXT_HEADER_MAX + name_length + TEXT_HEADER_MAX + length)) {
		fail(table);
		return;
	}
	if (table->fields == 0)
		table->size = MAP_HEADER_SIZE;
	append(table, name, name_length);
	append(table, bytes, length);
	table->bytes[0] = (char)TYPE_MAP_16;
	put_big_endian(table->bytes + 1, ++table->fields, MAP_HEADER_SIZE - 1);
}

void packed_table_add_text(struct packed_table *table, const char *name, const char *text)
{
	packed_table_add_bytes(table, name, text ? text : "", text ? strlen(text) : 0);
}

void packed_table_add_number(struct packed_table *table, const char *name, int64_t number)
{
	char text[24]; /* digits, sign and NUL of an int64_t */

	snprintf(text, sizeof(text), "%" PRId64, number);
	packed_table_add_text(table, name, text);
}

static size_t read_big_endian(const char *from, size_t size)
{
	size_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | (unsigned char)from[i];
	return number;
}

/* Reads a text that append() wrote. */
static struct packed_text read_text(const struct packed_table *table, size_t *position)
{
	const char *at = table->bytes + *position;
	struct packed_text text;

	if ((unsigned char)*at == TYPE_TEXT_32)
		text = (struct packed_text){ at + TEXT_HEADER_MAX, read_big_endian(at + 1, TEXT_HEADER_MAX - 1) };
	else
		text = (struct packed_text){ at + 1, (unsigned char)*at & SHORT_TEXT_MAX };
	*position = (size_t)(text.bytes + text.length - table->bytes);
	return text;
}

bool packed_table_next(const struct packed_table *table, size_t *position, struct packed_text *ret_name,
                       struct packed_text *ret_value)
{
	if (*position == 0)
		*position = MAP_HEADER_SIZE;
	if (*position >= table->size)
		return false;
	*ret_name = read_text(table, position);
	*ret_value = read_text(table, position);
	return true;
}

void packed_table_free(struct packed_table *table)
{
	free(table->bytes);
	*table = (struct packed_table){ 0 };
}
