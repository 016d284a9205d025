/*
 * Prints JSON, and fields that are separated by TABs. The JSON of libsmartcols passes on bytes that are not UTF-8, which no JSON
 * parser reads.
 */
#include "scripts/lockctl/ls_output.h"

#include <stdio.h>
#include <string.h>

#include "fs/util/line_text.h"
#include "scripts/lockctl/list.h"
#include "scripts/lockctl/ls_columns.h"
#include "scripts/lockctl/text.h"

static const struct column_list lock_members = {
	9, { FIELD_KEY, FIELD_OWNER, FIELD_STATE, FIELD_REMAINING, FIELD_TTL, FIELD_WAITERS, FIELD_TOKEN, FIELD_MODE, FIELD_HOLDERS }
};
static const struct column_list directory_members = { 4, { FIELD_KEY, FIELD_LIMIT, FIELD_TAKEN, FIELD_WAITERS } };

static char *field_text(const char *value, char *(*put)(char *at, const char *text, size_t most))
{
	size_t length = value ? strlen(value) : 0;
	char *text = text_room(length * LINE_GROWTH_MAX + sizeof("\"null\""));

	put(text, value, length);
	return text;
}

/* A number as lockfs has it; what is none, such as `never`, is null. */
static const char *json_number(const char *text)
{
	return text && *text >= '0' && *text <= '9' ? text : "null";
}

static const char *json_value(const struct lock_row *row, size_t column)
{
	const char *value = column_value(row, column);

	if (column < FIELDS && lock_fields[column].kind != KIND_TEXT)
		return json_number(value);
	return field_text(value, line_put_json_string);
}

static void print_object(const struct lock_row *row, const struct column_list *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		printf("%c\"%s\":%s", i > 0 ? ',' : '{', column_name(columns->columns[i]), json_value(row, columns->columns[i]));
	putchar('}');
}

void json_print(const struct list *list, const struct column_list *columns)
{
	putchar('[');
	for (size_t i = 0; i < list->count; i++) {
		const struct lock_row *row = list->rows[i];
		const struct column_list *usual = row->is_directory ? &directory_members : &lock_members;
		void *mark = text_mark();

		fputs(i > 0 ? ",\n  " : "\n  ", stdout);
		print_object(row, columns ? columns : usual);
		text_free_since(mark);
	}
	puts(list->count > 0 ? "\n]" : "]");
}

void raw_print(const struct list *list, const struct column_list *columns, bool headings)
{
	size_t last = columns->count - 1;

	for (size_t i = 0; headings && i <= last; i++)
		printf("%s%c", column_heading(columns->columns[i]), i < last ? '\t' : '\n');
	for (size_t row = 0; row < list->count; row++) {
		void *mark = text_mark();

		for (size_t i = 0; i <= last; i++)
			printf("%s%c", field_text(column_value(list->rows[row], columns->columns[i]), line_put_field), i < last ? '\t' : '\n');
		text_free_since(mark);
	}
}
