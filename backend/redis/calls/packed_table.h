/*
 * A table of named texts, packed as MessagePack: the one argument that carries all fields of
 * a script whose arguments have names. The script unpacks it by cmsgpack.unpack(), and every
 * value is text there, whatever bytes it has.
 */
#ifndef BACKEND_REDIS_CALLS_PACKED_TABLE_H
#define BACKEND_REDIS_CALLS_PACKED_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An empty table is all zero. */
struct packed_table {
	char *bytes; /* NULL before the first field and after an error */
	size_t size;
	size_t capacity;
	unsigned int fields; /* 65535 at most */
	bool failed;         /* no memory, or too many fields: `bytes` stays NULL */
};

/* Adds a field with a copy of `text`; NULL counts as "". */
void packed_table_add_text(struct packed_table *table, const char *name, const char *text);

/* Adds a field with a copy of these bytes. */
void packed_table_add_bytes(struct packed_table *table, const char *name, const char *bytes, size_t length);

/* Adds a field with the number in decimal digits. */
void packed_table_add_number(struct packed_table *table, const char *name, int64_t number);

/* A text in a table; no NUL follows it. */
struct packed_text {
	const char *bytes;
	size_t length;
};

/* Reads the next field. `position` is 0 at first. Returns false after the last field. */
bool packed_table_next(const struct packed_table *table, size_t *position, struct packed_text *ret_name,
                       struct packed_text *ret_value);

/* Frees the bytes and empties the table. */
void packed_table_free(struct packed_table *table);

#endif
