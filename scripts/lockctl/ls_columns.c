/* The columns of `ls`. */
#include "scripts/lockctl/ls_columns.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "backend/util/text/number.h"
#include "lockfs/duration.h"
#include "scripts/lockctl/text.h"

const char *column_name(size_t column)
{
	return column == COLUMN_HOLDER ? "holder" : lock_fields[column].name;
}

const char *column_heading(size_t column)
{
	char *text = text_make("%s", column_name(column));

	for (char *at = text; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return text;
}

static size_t column_of(const char *name, size_t length)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (strlen(column_name(i)) == length && strncmp(column_name(i), name, length) == 0)
			return i;
	return COLUMNS;
}

int columns_parse(const char *text, struct column_list *ret)
{
	*ret = (struct column_list){ 0 };
	for (;; text++) {
		size_t length = strcspn(text, ",");
		size_t column = column_of(text, length);

		if (column == COLUMNS || ret->count == COLUMNS_CHOSEN_MAX)
			return -EINVAL;
		ret->columns[ret->count++] = (unsigned char)column;
		text += length;
		if (!*text)
			return 0;
	}
}

static bool is_kind(size_t column, enum field_kind kind)
{
	return column < FIELDS && lock_fields[column].kind == kind;
}

bool column_is_right(size_t column)
{
	return is_kind(column, KIND_NUMBER);
}

bool column_is_cut(size_t column)
{
	static const bool cut[COLUMNS] = {
		[FIELD_OWNER] = true, [FIELD_ID] = true, [FIELD_HANDLE] = true, [FIELD_HOST] = true, [FIELD_COMMAND] = true,
		[FIELD_ACQUIRED] = true, [FIELD_EXPIRES] = true, [COLUMN_HOLDER] = true,
	};

	return cut[column];
}

static const char *holder(const struct lock_row *row)
{
	const char *owner = row->values[FIELD_OWNER], *holders = row->values[FIELD_HOLDERS];
	uint64_t count;

	if (row->is_directory)
		return text_make("%s of %s taken", row->values[FIELD_TAKEN], row->values[FIELD_LIMIT]);
	if (!owner || !holders || number_parse(holders, 10, INT64_MAX, &count) < 0 || count < 2)
		return owner;
	return text_make("%s and %lu more", owner, (unsigned long)count - 1);
}

const char *column_value(const struct lock_row *row, size_t column)
{
	return column == COLUMN_HOLDER ? holder(row) : row->values[column];
}

const char *column_words(const struct lock_row *row, size_t column)
{
	const char *value = column_value(row, column);
	int64_t ms;

	if (row->is_directory && column == FIELD_MODE)
		return "limit";
	if (!value)
		return "-";
	if (column == FIELD_KEY)
		return shown(value);
	if (is_kind(column, KIND_DURATION) && duration_parse(value, &ms) == 0)
		return in_words(ms);
	return shown_printable(value);
}

/* A duration in ms or a number; -1 for nothing, and the largest number for `never`. */
static int64_t number_of(const char *value, size_t column)
{
	uint64_t number;
	int64_t ms;

	if (!value)
		return -1;
	if (is_kind(column, KIND_DURATION))
		return duration_parse(value, &ms) == 0 ? ms : INT64_MAX;
	return number_parse(value, 10, INT64_MAX, &number) == 0 ? (int64_t)number : -1;
}

int column_compare(const struct lock_row *left, const struct lock_row *right, size_t column)
{
	const char *a = column_value(left, column), *b = column_value(right, column);

	if (is_kind(column, KIND_NUMBER) || is_kind(column, KIND_DURATION)) {
		int64_t x = number_of(a, column), y = number_of(b, column);

		return (x > y) - (x < y);
	}
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}
