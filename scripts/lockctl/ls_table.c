/*
 * Prints the table of `ls`. libsmartcols would cut every column that may be cut by some share; here keys are cut only when all
 * others are as narrow as they may be. So what does not fit the terminal is cut before libsmartcols has it.
 */
#include "scripts/lockctl/ls_table.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/list.h"
#include "scripts/lockctl/ls_columns.h"
#include "scripts/lockctl/text.h"

#define SEPARATOR "  "
#define CUT_MIN 8 /* a column that is cut keeps this width, if it has it */
#define ELLIPSIS "…"

/* All cells, row by row; row 0 has the headings. */
struct cells {
	const struct column_list *columns;
	const char **text;
	size_t rows;
	size_t widths[COLUMNS_CHOSEN_MAX];
};

static const char **cell(const struct cells *cells, size_t row, size_t column)
{
	return &cells->text[row * cells->columns->count + column];
}

static size_t width_of(const char *text)
{
	size_t left = strlen(text), width = 0;
	mbstate_t state = { 0 };

	while (left > 0) {
		wchar_t character;
		size_t length = mbrtowc(&character, text, left, &state);

		if (length == 0 || length > left)
			return width + left;
		width += wcwidth(character) > 0 ? (size_t)wcwidth(character) : 0;
		text += length;
		left -= length;
	}
	return width;
}

/* The beginning of the text that has this width, with a sign that something is missing. */
static const char *cut(const char *text, size_t width)
{
	size_t left = strlen(text), done = 0, at = 0;
	mbstate_t state = { 0 };

	while (at < left) {
		wchar_t character;
		size_t length = mbrtowc(&character, text + at, left - at, &state);

		if (length == 0 || length > left - at)
			break;
		if (wcwidth(character) > 0)
			done += (size_t)wcwidth(character);
		if (done + 1 > width)
			break;
		at += length;
	}
	return text_make("%.*s" ELLIPSIS, (int)at, text);
}

static void fill_cells(struct cells *cells, const struct list *list)
{
	cells->rows = list->count + 1;
	cells->text = text_room(cells->rows * cells->columns->count * sizeof(char *));
	for (size_t i = 0; i < cells->columns->count; i++) {
		*cell(cells, 0, i) = column_heading(cells->columns->columns[i]);
		for (size_t row = 1; row < cells->rows; row++)
			*cell(cells, row, i) = column_words(list->rows[row - 1], cells->columns->columns[i]);
	}
}

/* Makes columns narrower until `excess` is gone or all are as narrow as they may be. Returns what is left of it. */
static size_t shrink(struct cells *cells, size_t excess, bool (*may)(size_t column))
{
	while (excess > 0) {
		size_t *widest = NULL;

		for (size_t i = 0; i < cells->columns->count; i++)
			if (may(cells->columns->columns[i]) && cells->widths[i] > CUT_MIN && (!widest || cells->widths[i] > *widest))
				widest = &cells->widths[i];
		if (!widest)
			return excess;
		--*widest;
		excess--;
	}
	return 0;
}

static bool is_key(size_t column)
{
	return column == FIELD_KEY;
}

/* Cuts what does not fit `room`. */
static void fit(struct cells *cells, size_t room)
{
	size_t total = 0, count = cells->columns->count;

	memset(cells->widths, 0, sizeof(cells->widths));
	for (size_t row = 0; row < cells->rows; row++)
		for (size_t i = 0; i < count; i++) {
			size_t width = width_of(*cell(cells, row, i));

			if (width > cells->widths[i])
				cells->widths[i] = width;
		}
	for (size_t i = 0; i < count; i++)
		total += cells->widths[i] + (i > 0 ? strlen(SEPARATOR) : 0);
	if (total <= room)
		return;
	shrink(cells, shrink(cells, total - room, column_is_cut), is_key);
	for (size_t row = 0; row < cells->rows; row++)
		for (size_t i = 0; i < count; i++)
			if (width_of(*cell(cells, row, i)) > cells->widths[i])
				*cell(cells, row, i) = cut(*cell(cells, row, i), cells->widths[i]);
}

static void out_of_memory(void)
{
	die(STATUS_BACKEND, "cannot make the table: out of memory");
}

static const char *colour_of(const struct lock_row *row)
{
	static const struct {
		const char *state, *colour;
	} colours[] = { { "ACQUIRED", "green" }, { "UNAVAILABLE", "red" }, { "EXPIRED", "yellow" } };
	const char *state = row->values[FIELD_STATE];

	for (size_t i = 0; state && i < sizeof(colours) / sizeof(colours[0]); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return NULL;
}

static bool has_state(size_t column)
{
	return column == FIELD_STATE || column == COLUMN_HOLDER;
}

static void add_line(struct libscols_table *table, const struct cells *cells, size_t row, const char *colour)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	if (!line)
		out_of_memory();
	for (size_t i = 0; i < cells->columns->count; i++) {
		if (scols_line_set_data(line, i, *cell(cells, row, i)) < 0)
			out_of_memory();
		if (colour && has_state(cells->columns->columns[i]))
			scols_cell_set_color(scols_line_get_cell(line, i), colour);
	}
}

/* libsmartcols prints nothing for no lines. */
static void print_headings(const struct cells *cells)
{
	for (size_t i = 0; i < cells->columns->count; i++)
		printf("%s%s", i > 0 ? SEPARATOR : "", *cell(cells, 0, i));
	putchar('\n');
}

static bool may_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

static void print_cells(const struct cells *cells, const struct list *list, bool headings)
{
	struct libscols_table *table = scols_new_table();
	bool coloured = may_colour();

	if (!table || scols_table_set_column_separator(table, SEPARATOR) < 0)
		out_of_memory();
	scols_table_enable_noencoding(table, 1); /* all cells are printable */
	scols_table_enable_noheadings(table, !headings);
	scols_table_enable_colors(table, coloured);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < cells->columns->count; i++)
		if (!scols_table_new_column(table, *cell(cells, 0, i), 0, column_is_right(cells->columns->columns[i]) ? SCOLS_FL_RIGHT : 0))
			out_of_memory();
	for (size_t row = 1; row < cells->rows; row++)
		add_line(table, cells, row, coloured ? colour_of(list->rows[row - 1]) : NULL);
	scols_print_table(table);
	scols_unref_table(table);
}

void table_print(const struct list *list, const struct column_list *columns, bool headings)
{
	struct cells cells = { .columns = columns };
	struct winsize size;

	fill_cells(&cells, list);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		fit(&cells, size.ws_col);
	if (list->count > 0)
		print_cells(&cells, list, headings);
	else if (headings)
		print_headings(&cells);
}
