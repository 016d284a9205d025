/*
 * Fuzz target: what lockctl reads and shows. Lines of /proc/self/mountinfo, `.locks` and
 * `.events` are read within their bounds. A word
 * that is quoted for a shell is that word again, and what is shown has nothing that acts on a terminal.
 */
#include "fs/util/printable.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/list.h"
#include "scripts/lockctl/locks_reader.h"
#include "scripts/lockctl/ls_columns.h"
#include "scripts/lockctl/mountinfo.h"
#include "scripts/lockctl/text.h"
#include "scripts/lockctl/wait.h"
#include "tests/fuzz/fuzz.h"

static void check_mount(const char *text)
{
	char *line = text_of((const uint8_t *)text, strlen(text));
	struct mount_entry entry;

	if (mount_line_parse(line, &entry))
		require(entry.device && entry.root && entry.dir && strlen(entry.dir) <= strlen(text), "a mount has all its parts");
	free(line);
}

/* Any line is refused, or has a key and a state within its bounds. */
static void check_locks_line(const char *text)
{
	char *line = text_of((const uint8_t *)text, strlen(text));
	struct lock_row row;

	if (locks_line_parse(line, &row)) {
		require(row.values[FIELD_STATE], "a lock has a state");
		for (size_t i = 0; i < FIELDS; i++)
			require(!row.values[i] || strlen(row.values[i]) <= strlen(text), "a value is within its line");
		require(column_words(&row, COLUMN_HOLDER), "a row has a word for its holder");
	}
	free(line);
}

static void check_columns(const char *text)
{
	struct column_list columns;

	if (columns_parse(text, &columns) < 0)
		return;
	require(columns.count > 0, "a list of columns has one at least");
	for (size_t i = 0; i < columns.count; i++)
		require(columns.columns[i] < COLUMNS, "each column is there");
}

/* A shell takes what is between single quotes as it is, and `\'` for a quote. */
static void check_quoted(const char *text)
{
	const char *at = quoted(text);
	bool is_inside = false;

	for (const char *rest = text;; at++) {
		if (*at == '\'') {
			is_inside = !is_inside;
			continue;
		}
		if (!is_inside && *at == '\\')
			at++;
		require(*at == *rest, "a shell reads the word that was quoted");
		if (!*rest++)
			break;
	}
}

static void check_shown(const char *text)
{
	const char *at = shown(text);
	size_t left = strlen(at);

	while (left > 0) {
		size_t length = printable_length(at, left);

		require(length > 0, "what is shown is printable");
		at += length;
		left -= length;
	}
}

static const char *the_candidate(size_t i, const void *context)
{
	return i == 0 ? context : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	void *mark = text_mark();

	check_mount(text);
	check_locks_line(text);
	check_columns(text);
	check_quoted(text);
	check_shown(text);
	require(event_line_tells_of(text, ""), "every line tells of the mount itself");
	event_line_tells_of(text, "job");
	require(!suggestion(text, the_candidate, text) || strlen(text) < 32, "only short words are compared");
	text_free_since(mark);
	free(text);
	return 0;
}
