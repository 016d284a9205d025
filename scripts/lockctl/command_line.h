/*
 * The command line of lockctl. One table has all options and one all commands; parsing, help and completions are made
 * from these.
 */
#ifndef LOCKCTL_COMMAND_LINE_H
#define LOCKCTL_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scripts/lockctl/ls_columns.h"

/* Codes of options that have no letter, or one that is another option of other commands. Those of all others are the letter. */
enum {
	OPTION_OR_FAIL = 256,
	OPTION_JSON,
	OPTION_WATCH,
	OPTION_DRY_RUN,
	OPTION_NOTIFY,
	OPTION_RAW,
	OPTION_OUTPUT,
	OPTION_NO_HEADINGS,
	OPTION_RECURSIVE,
	OPTION_SORT,
};

#define WAIT_FOREVER INT64_C(-1)
#define ALSO_MAX 63

struct options {
	const char *dir;      /* keys are below it; NULL: below the current directory */
	const char *ttl, *id; /* as given; NULL if not */
	const char *interval, *attempts, *limit;
	const char *notify;
	const char *also[ALSO_MAX]; /* further keys of `run` */
	size_t also_count;
	int64_t wait_ms; /* 0: no waiting; WAIT_FOREVER */
	int64_t interval_ms, grace_ms;
	uint64_t limit_number;
	int held_status;
	struct column_list columns, sort; /* without any: the usual ones */
	bool shared, or_fail, json, watch, quiet, verbose, dry_run;
	bool raw, no_headings, recursive;
};

/* What a command takes besides options. */
enum operands {
	OPERAND_KEY,       /* one key, which is not the mount itself */
	OPERAND_DIRECTORY, /* a directory, by default the mount or the current one */
	OPERAND_ANY,       /* one key or directory */
	OPERAND_COMMAND,   /* a key and a command */
};

struct place;

struct command {
	const char *name;
	enum operands operands;
	const int *options; /* codes, 0 behind the last */
	int (*perform)(struct options *options, struct place *place, char **command);
	const char *synopsis, *help;
};

struct option_spec {
	int code;
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* what help calls its value; NULL if it takes none */
	/* Stores the value. Returns NULL, or why the value is wrong. */
	const char *(*set)(struct options *options, const char *value);
	const char *help;
	const char *values; /* words that completion offers, separated by spaces; `/` for directories; NULL: none */
};

extern const struct option_spec option_specs[];
extern const size_t option_specs_count;
extern const struct command commands[];
extern const size_t commands_count;

/* Parses everything. Ends the process on wrong usage, and for --help and --version. */
const struct command *options_parse(int argc, char **argv, struct options *ret, const char **ret_key, char ***ret_command);

bool command_has_option(const struct command *command, int code);

/* The candidate that `word` is most like, or NULL if none is like it. `next` returns candidate number i, NULL behind the last. */
const char *suggestion(const char *word, const char *(*next)(size_t i, const void *context), const void *context);

void help_print(void);

/* Prints the tables for the completion of `bash`, `zsh` or `fish`, for the build. Returns an exit status. */
int completion_print(const char *shell);

#endif
