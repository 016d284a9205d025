/* The table of all options: letters, names, how a value is read, and what help says of it. */
#include <string.h>

#include "backend/util/text/number.h"
#include "lockfs/duration.h"
#include "scripts/lockctl/command_line.h"

#define ATTEMPTS_MAX 1000000000
#define EXIT_STATUS_MAX 255

static const char not_duration[] = "is no duration, such as 30, 0.5 or 5m";
static const char not_number[] = "is no number";

static const char *set_dir(struct options *options, const char *value)
{
	options->dir = value;
	return NULL;
}

static const char *set_shared(struct options *options, const char *value)
{
	(void)value;
	options->shared = true;
	return NULL;
}

static const char *set_ttl(struct options *options, const char *value)
{
	int64_t ms;

	options->ttl = value;
	return lease_parse(value, &ms) < 0 ? "is no lease, such as 30s, 5m or never" : NULL;
}

static const char *set_id(struct options *options, const char *value)
{
	options->id = value;
	return strpbrk(value, "/,") ? "is no id, which has neither / nor , in it" : NULL;
}

static const char *set_wait(struct options *options, const char *value)
{
	if (strcmp(value, "forever") == 0)
		options->wait_ms = WAIT_FOREVER;
	else if (duration_parse(value, &options->wait_ms) < 0)
		return not_duration;
	return NULL;
}

static const char *set_interval(struct options *options, const char *value)
{
	options->interval = value;
	return duration_parse(value, &options->interval_ms) < 0 || options->interval_ms == 0 ? not_duration : NULL;
}

static const char *set_attempts(struct options *options, const char *value)
{
	uint64_t number;

	options->attempts = value;
	return number_parse(value, 10, ATTEMPTS_MAX, &number) < 0 || number == 0 ? not_number : NULL;
}

static const char *set_held_status(struct options *options, const char *value)
{
	uint64_t number;

	if (number_parse(value, 10, EXIT_STATUS_MAX, &number) < 0)
		return "is no exit status, which is 0 to 255";
	options->held_status = (int)number;
	return NULL;
}

static const char *set_limit(struct options *options, const char *value)
{
	static const char wrong[] = "is no limit, which is 1 to 1000000";

	options->limit = value;
	if (*value == '0' || number_parse(value, 10, 1000000, &options->limit_number) < 0)
		return wrong;
	return NULL;
}

static const char *set_grace(struct options *options, const char *value)
{
	return duration_parse(value, &options->grace_ms) < 0 ? not_duration : NULL;
}

static const char *set_also(struct options *options, const char *value)
{
	if (options->also_count == ALSO_MAX)
		return "is one key too many: 64 are the most";
	options->also[options->also_count++] = value;
	return NULL;
}

static const char *set_notify(struct options *options, const char *value)
{
	options->notify = value;
	return *value ? NULL : "is neither a command nor a descriptor";
}

static const char *set_or_fail(struct options *options, const char *value)
{
	(void)value;
	options->or_fail = true;
	return NULL;
}

static const char *set_json(struct options *options, const char *value)
{
	(void)value;
	options->json = true;
	return NULL;
}

static const char *set_watch(struct options *options, const char *value)
{
	(void)value;
	options->watch = true;
	return NULL;
}

static const char *set_quiet(struct options *options, const char *value)
{
	(void)value;
	options->quiet = true;
	return NULL;
}

static const char *set_verbose(struct options *options, const char *value)
{
	(void)value;
	options->verbose = true;
	return NULL;
}

static const char *set_dry_run(struct options *options, const char *value)
{
	(void)value;
	options->dry_run = true;
	return NULL;
}

static const char *set_raw(struct options *options, const char *value)
{
	(void)value;
	options->raw = true;
	return NULL;
}

static const char *set_no_headings(struct options *options, const char *value)
{
	(void)value;
	options->no_headings = true;
	return NULL;
}

static const char *set_recursive(struct options *options, const char *value)
{
	(void)value;
	options->recursive = true;
	return NULL;
}

static const char *set_columns(struct options *options, const char *value)
{
	return columns_parse(value, &options->columns) < 0 ? "is no list of columns; lockctl --help tells which there are" : NULL;
}

static const char *set_sort(struct options *options, const char *value)
{
	return columns_parse(value, &options->sort) < 0 || options->sort.count != 1 ? "is no column; lockctl --help tells which there are" :
										      NULL;
}

/* The order is that of help. */
const struct option_spec option_specs[] = {
	{ 'd', 'd', "dir", "DIR", set_dir, "KEY is below this directory of a mount (LOCKFS_DIR)", "/" },
	{ 's', 's', "shared", NULL, set_shared, "share the lock with others that do, and exclude those that do not", NULL },
	{ 't', 't', "ttl", "TTL", set_ttl, "the lease: 250ms, 30s, 5m, 2h, 1d, never", "30s 5m 1h never" },
	{ 'I', 'I', "id", "ID", set_id, "you are ID, in whatever session", NULL },
	{ 'w', 'w', "wait", "SECONDS", set_wait, "wait so long for the lock, or forever", "10 60 forever" },
	{ 'i', 'i', "interval", "SECONDS", set_interval, "time between two looks or attempts", NULL },
	{ 'n', 'n', "attempts", "NUMBER", set_attempts, "give up after so many attempts", NULL },
	{ 'E', 'E', "conflict-exit-code", "CODE", set_held_status, "the exit status if the lock is held, or there is no room", NULL },
	{ 'L', 'L', "limit", "LIMIT", set_limit, "at most so many at a time have a lock in the directory KEY", NULL },
	{ 'k', 'k', "kill-after", "SECONDS", set_grace, "time between TERM and KILL for what has to stop (5)", NULL },
	{ 'a', 'a', "also", "KEY", set_also, "take this lock, too; may be given several times", NULL },
	{ OPTION_NOTIFY, 0, "notify", "COMMAND|FD", set_notify, "run a command, or write JSON to a descriptor, when the lock is acquired, lost and released", NULL },
	{ OPTION_OR_FAIL, 0, "or-fail", NULL, set_or_fail, "say who holds the lock if the answer is no", NULL },
	{ OPTION_JSON, 'J', "json", NULL, set_json, "print JSON", NULL },
	{ OPTION_RAW, 'r', "raw", NULL, set_raw, "print values as lockfs has them, separated by TABs", NULL },
	{ OPTION_OUTPUT, 'o', "output", "COLUMNS", set_columns, "print these columns, separated by commas", LS_COLUMN_NAMES },
	{ OPTION_NO_HEADINGS, 'n', "no-headings", NULL, set_no_headings, "print no headings", NULL },
	{ OPTION_RECURSIVE, 'R', "recursive", NULL, set_recursive, "list the locks in directories below as well", NULL },
	{ OPTION_SORT, 0, "sort", "COLUMN", set_sort, "sort by this column", LS_COLUMN_NAMES },
	{ OPTION_WATCH, 0, "watch", NULL, set_watch, "print it again and again", NULL },
	{ 'q', 'q', "quiet", NULL, set_quiet, "do not say that the lock is held", NULL },
	{ 'v', 'v', "verbose", NULL, set_verbose, "say what is waited for, also without a terminal", NULL },
	{ OPTION_DRY_RUN, 0, "dry-run", NULL, set_dry_run, "print the operations on files, ready for a shell, and do nothing", NULL },
	{ 'h', 'h', "help", NULL, NULL, "print this summary", NULL },
};
const size_t option_specs_count = sizeof(option_specs) / sizeof(option_specs[0]);
