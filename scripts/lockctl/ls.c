/* The command ls: reads the locks, sorts them, and prints them once or again and again. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scripts/lockctl/command_functions.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/dry_run.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/list.h"
#include "scripts/lockctl/ls_columns.h"
#include "scripts/lockctl/ls_output.h"
#include "scripts/lockctl/ls_table.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/text.h"

#define WATCH_MS 1000
#define BUFFER 65536

static const struct column_list usual_columns = {
	6, { FIELD_KEY, COLUMN_HOLDER, FIELD_MODE, FIELD_REMAINING, FIELD_WAITERS, FIELD_TOKEN }
};

/* Keys are UTF-8, as in `.events`, whatever the locale says; widths are counted by that. */
static void use_utf8(void)
{
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* Rows that are equal in the column stay in the order of their keys. */
static int by_column(const void *a, const void *b, void *column)
{
	const struct lock_row *const *left = a, *const *right = b;
	int order = column_compare(*left, *right, *(const unsigned char *)column);

	return order != 0 ? order : strcmp((*left)->values[FIELD_KEY], (*right)->values[FIELD_KEY]);
}

static void print_rows(const struct options *options, const struct list *list)
{
	const struct column_list *chosen = options->columns.count > 0 ? &options->columns : NULL;
	const struct column_list *columns = chosen ? chosen : &usual_columns;

	if (options->json)
		json_print(list, chosen);
	else if (options->raw)
		raw_print(list, columns, !options->no_headings);
	else
		table_print(list, columns, !options->no_headings);
	if (fflush(stdout) != 0)
		die(STATUS_BACKEND, "cannot write the table: %s", strerror(errno));
	if (list->count_below > 0 && !options->quiet && isatty(STDOUT_FILENO))
		say("-R lists %zu more in directories below", list->count_below);
}

/* Ends the process, unless there is no such directory. Returns the exit status for that. */
static int report_failure(const struct place *place, const struct list *list, int error)
{
	if (list->is_old_daemon)
		die(STATUS_BACKEND, "the daemon on %s is older than this lockctl and has no .locks: unmount it, and start lockfs again",
		    shown(*place->top ? place->top : "/"));
	if (error != ENOENT)
		give_up("list", place, error);
	say("there is no lock and no directory %s", place_name(place));
	return STATUS_NO;
}

/* Prints once. Returns an exit status. */
static int print_list(struct options *options, const struct place *place)
{
	struct list list;
	int error = list_read(place, options->recursive, &list);

	if (error < 0)
		return report_failure(place, &list, -error);
	if (options->sort.count > 0)
		qsort_r(list.rows, list.count, sizeof(list.rows[0]), by_column, options->sort.columns);
	print_rows(options, &list);
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

/* Without -R, those are left out that have a slash in the first field. */
static char *operation(const struct options *options, const struct place *place)
{
	const char *directory = place_path(place, "file");
	const char *file = quoted(text_make("%s%s.locks", directory, *place->key ? "/" : ""));

	return text_make(options->recursive ? "cat -- %s" : "awk -F '\\t' '$1 !~ \"/\"' %s", file);
}

int command_ls(struct options *options, struct place *place, char **command)
{
	void *mark;

	(void)command;
	if (dry_run(options, operation(options, place)))
		return STATUS_YES;
	use_utf8();
	setvbuf(stdout, NULL, _IOFBF, BUFFER);
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
