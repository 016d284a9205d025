/* The columns of `ls`: their names, and what a row has in each. */
#ifndef LOCKCTL_LS_COLUMNS_H
#define LOCKCTL_LS_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "scripts/lockctl/list.h"

/* A column is a field, or COLUMN_HOLDER: the owner and how many more, or how many permits of a directory are taken. */
enum { COLUMN_HOLDER = FIELDS, COLUMNS };

#define LS_COLUMN_WORD(id, name, kind) name " "
#define LS_COLUMN_NAMES LOCK_FIELDS(LS_COLUMN_WORD) "holder"

#define COLUMNS_CHOSEN_MAX 64

struct column_list {
	size_t count;
	unsigned char columns[COLUMNS_CHOSEN_MAX];
};

/* Reads names that are separated by commas, as `-o` has them. Returns 0 or -EINVAL. */
int columns_parse(const char *text, struct column_list *ret);

/* The name in `-o` and JSON, and that in headings. */
const char *column_name(size_t column);
const char *column_heading(size_t column);

/* Is it printed at the right, as numbers are? May it be cut to fit a terminal? */
bool column_is_right(size_t column);
bool column_is_cut(size_t column);

/* What the row has in the column, as lockfs has it; NULL for nothing. */
const char *column_value(const struct lock_row *row, size_t column);

/* What the row has in the column, for people: printable, with durations in words, and `-` for nothing. */
const char *column_words(const struct lock_row *row, size_t column);

/* Compares two rows by the column: numbers and durations as such, `never` behind all others, nothing before them. */
int column_compare(const struct lock_row *left, const struct lock_row *right, size_t column);

#endif
