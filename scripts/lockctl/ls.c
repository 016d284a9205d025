/*
 * The command ls: the table of locks by libsmartcols, and JSON. That is written here, because the JSON of libsmartcols passes on
 * bytes that are not UTF-8, which no JSON parser reads.
 */
#include <errno.h>
#include <libsmartcols.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/util/line_text.h"
#include "lockfs/duration.h"
#include "scripts/lockctl/command_functions.h"
#include "scripts/lockctl/dry_run.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/list.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

#define WATCH_MS 1000

static const char *json_string(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	char *json = text_room(length * LINE_GROWTH_MAX + 8);

	line_put_json_string(json, text, length);
	return json;
}

/* A number as an attribute has it; what is none, such as `never`, is null. */
static const char *json_number(const char *text)
{
	return text && *text >= '0' && *text <= '9' ? text : "null";
}

static void print_json_row(const struct lock_row *row)
{
	if (row->is_directory) {
		printf("\n  {\"key\":%s,\"limit\":%ld,\"taken\":%ld,\"waiters\":%ld}", json_string(row->key), (long)row->limit,
		       (long)row->taken, (long)row->waiters);
		return;
	}
	printf("\n  {\"key\":%s,\"owner\":%s,\"state\":%s,\"remaining\":%s,\"ttl\":%s,\"waiters\":%ld,\"token\":%s,\"mode\":%s,\"holders\":%ld}",
	       json_string(row->key), json_string(row->owner), json_string(row->state), json_number(row->remaining), json_number(row->ttl),
	       (long)row->waiters, json_number(row->token), json_string(row->mode), (long)row->holders);
}

static void print_json(const struct list *list)
{
	putchar('[');
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			putchar(',');
		print_json_row(list->rows[i]);
	}
	puts(list->count > 0 ? "\n]" : "]");
}

enum { COLUMN_KEY, COLUMN_HOLDER, COLUMN_MODE, COLUMN_REMAINING, COLUMN_WAITERS, COLUMN_TOKEN, COLUMNS };

static const struct {
	const char *name;
	int flags;
} columns[COLUMNS] = {
	[COLUMN_KEY] = { "KEY", 0 },
	[COLUMN_HOLDER] = { "HOLDER", SCOLS_FL_TRUNC },
	[COLUMN_MODE] = { "MODE", 0 },
	[COLUMN_REMAINING] = { "REMAINING", 0 },
	[COLUMN_WAITERS] = { "WAITERS", SCOLS_FL_RIGHT },
	[COLUMN_TOKEN] = { "TOKEN", SCOLS_FL_RIGHT },
};

static const char *remaining_in_words(const struct lock_row *row)
{
	int64_t ms;

	if (!row->remaining || duration_parse(row->remaining, &ms) < 0)
		return row->remaining ? row->remaining : "-";
	return in_words(ms);
}

static void row_cells(const struct lock_row *row, const char *cells[COLUMNS])
{
	cells[COLUMN_KEY] = shown(row->key);
	cells[COLUMN_WAITERS] = text_make("%ld", (long)row->waiters);
	if (row->is_directory) {
		cells[COLUMN_HOLDER] = text_make("%ld of %ld taken", (long)row->taken, (long)row->limit);
		cells[COLUMN_MODE] = "limit";
		cells[COLUMN_REMAINING] = cells[COLUMN_TOKEN] = "-";
		return;
	}
	cells[COLUMN_HOLDER] = row->owner ? row->owner : "-";
	if (row->holders > 1)
		cells[COLUMN_HOLDER] = text_make("%s and %ld more", cells[COLUMN_HOLDER], (long)row->holders - 1);
	cells[COLUMN_MODE] = row->mode ? row->mode : "-";
	cells[COLUMN_REMAINING] = remaining_in_words(row);
	cells[COLUMN_TOKEN] = row->token ? row->token : "-";
}

static void out_of_memory(void)
{
	die(STATUS_BACKEND, "cannot make the table: out of memory");
}

static void add_line(struct libscols_table *table, const struct lock_row *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	const char *cells[COLUMNS];

	if (!line)
		out_of_memory();
	row_cells(row, cells);
	for (size_t i = 0; i < COLUMNS; i++)
		if (scols_line_set_data(line, i, cells[i]) < 0)
			out_of_memory();
}

static void print_table(const struct list *list)
{
	struct libscols_table *table = scols_new_table();

	if (!table || scols_table_set_column_separator(table, "  ") < 0)
		out_of_memory();
	for (size_t i = 0; i < COLUMNS; i++)
		if (!scols_table_new_column(table, columns[i].name, 0, columns[i].flags))
			out_of_memory();
	for (size_t i = 0; i < list->count; i++)
		add_line(table, list->rows[i]);
	if (list->count == 0)
		puts("KEY  HOLDER  MODE  REMAINING  WAITERS  TOKEN"); /* libsmartcols prints nothing for no lines */
	else
		scols_print_table(table);
	scols_unref_table(table);
}

/* Keys are UTF-8, as in `.events`, whatever the locale says; widths are counted by that. */
static void use_utf8(void)
{
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* Prints once. Returns an exit status. */
static int print_list(const struct options *options, const struct place *place)
{
	struct list list;
	int error = list_read(place, &list);

	if (error == -ENOENT) {
		say("there is no lock and no directory %s", place_name(place));
		return STATUS_NO;
	}
	if (error < 0)
		give_up("list", place, -error);
	if (options->json)
		print_json(&list);
	else
		print_table(&list);
	if (fflush(stdout) != 0)
		die(STATUS_BACKEND, "cannot write the table: %s", strerror(errno));
	if (!list.unreadable)
		return STATUS_YES;
	failure_say("list all of", shown(list.unreadable), list.unreadable_error);
	return failure_status(list.unreadable_error);
}

static void sleep_ms(int64_t ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

int command_ls(struct options *options, struct place *place, char **command)
{
	void *mark;

	(void)command;
	if (dry_run(options, text_make("getfattr -R -d --absolute-names -m '^user\\.lock\\.' -- %s", quoted(place_path(place, "file")))))
		return STATUS_YES;
	use_utf8();
	if (!options->watch)
		return print_list(options, place);
	for (mark = text_mark();; text_free_since(mark)) {
		int status;

		fputs(isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "\n", stdout);
		status = print_list(options, place);
		if (status == STATUS_NO)
			return status;
		sleep_ms(options->interval ? options->interval_ms : WATCH_MS);
	}
}
