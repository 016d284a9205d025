/* Parses the command line with getopt_long(3), by the tables of options and commands. */
#include "scripts/lockctl/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

#define SPECS_MAX 48
#define GRACE_MS 5000

bool command_has_option(const struct command *command, int code)
{
	for (const int *each = command->options; *each; each++)
		if (*each == code)
			return true;
	return code == 'h';
}

/* The option with this letter or code that the command has; NULL if it has none. */
static const struct option_spec *spec_of(const struct command *command, int code)
{
	for (size_t i = 0; code && i < option_specs_count; i++)
		if ((option_specs[i].code == code || option_specs[i].letter == code) && command_has_option(command, option_specs[i].code))
			return &option_specs[i];
	return NULL;
}

/* How the option is called in messages: `-t` or `--notify`. */
static char *spec_title(const struct option_spec *spec)
{
	return spec->letter ? text_make("-%c", spec->letter) : text_make("--%s", spec->name);
}

/* `text` has room for three bytes an option. */
static void short_options(const struct command *command, char *text)
{
	text = stpcpy(text, "+:");
	for (size_t i = 0; i < option_specs_count; i++) {
		const struct option_spec *spec = &option_specs[i];

		if (!spec->letter || !command_has_option(command, spec->code))
			continue;
		*text++ = spec->letter;
		if (spec->argument)
			*text++ = ':';
	}
	*text = '\0';
}

static void long_options(const struct command *command, struct option *list)
{
	for (size_t i = 0; i < option_specs_count; i++) {
		const struct option_spec *spec = &option_specs[i];

		if (!command_has_option(command, spec->code))
			continue;
		*list++ = (struct option){ spec->name, spec->argument ? required_argument : no_argument, NULL, spec->code };
	}
	*list = (struct option){ 0 };
}

static const char *option_name(size_t i, const void *context)
{
	const struct command *command = context;

	for (size_t at = 0; at < option_specs_count; at++)
		if (command_has_option(command, option_specs[at].code) && i-- == 0)
			return option_specs[at].name;
	return NULL;
}

static void refuse_unknown(const struct command *command, const char *word)
{
	const struct option_spec *spec = spec_of(command, optopt);
	size_t length;
	const char *name, *like;

	if (spec && strncmp(word, "--", 2) == 0)
		die(STATUS_USAGE, "--%s takes no value", spec->name);
	if (optopt)
		die(STATUS_USAGE, "%s has no option -%c; lockctl --help tells more", command->name, optopt);
	name = word + 2;
	length = strcspn(name, "=");
	like = suggestion(text_make("%.*s", (int)length, name), option_name, command);
	if (like)
		die(STATUS_USAGE, "%s has no option --%.*s; did you mean --%s?", command->name, (int)length, name, like);
	die(STATUS_USAGE, "%s has no option --%.*s; lockctl --help tells more", command->name, (int)length, name);
}

static void set_option(struct options *options, const struct option_spec *spec, const char *value)
{
	const char *wrong;

	if (!spec->set) {
		help_print();
		exit(STATUS_YES);
	}
	wrong = spec->set(options, value);
	if (wrong)
		die(STATUS_USAGE, "%s: %s %s", spec_title(spec), shown(value), wrong);
}

/* Reads options up to the first operand or `--`; argv[0] is skipped. Returns the index behind them. */
static int read_options(const struct command *command, int argc, char **argv, struct options *options)
{
	char letters[SPECS_MAX * 3 + 3];
	struct option names[SPECS_MAX + 1];
	int code;

	_Static_assert(SPECS_MAX > 24, "room for all options");
	short_options(command, letters);
	long_options(command, names);
	opterr = 0;
	optind = 0; /* begins anew, as this may be the second time */
	while ((code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		const struct option_spec *spec = spec_of(command, code);

		if (code == ':')
			die(STATUS_USAGE, "%s needs a value", spec_of(command, optopt) ? spec_title(spec_of(command, optopt)) : argv[optind - 1]);
		if (!spec)
			refuse_unknown(command, argv[optind - 1]);
		else
			set_option(options, spec, optarg);
	}
	return optind;
}

static const char *command_name(size_t i, const void *context)
{
	(void)context;
	return i < commands_count ? commands[i].name : NULL;
}

static const struct command *command_find(const char *name)
{
	const char *like;

	for (size_t i = 0; i < commands_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	like = suggestion(name, command_name, NULL);
	if (like)
		die(STATUS_USAGE, "unknown command %s; did you mean %s?", shown(name), like);
	die(STATUS_USAGE, "unknown command %s; lockctl --help tells which there are", shown(name));
}

/* Ends the process for words that stand in the place of a command. */
static void answer_general(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word) {
		fputs("usage: lockctl COMMAND [OPTION...] [KEY]\n", stderr);
		for (size_t i = 0; i < commands_count; i++)
			fprintf(stderr, "       lockctl %s %s\n", commands[i].name, commands[i].synopsis);
		fputs("`lockctl --help` tells what these do.\n", stderr);
		exit(STATUS_USAGE);
	}
	if (strcmp(word, "--version") == 0) {
		printf("lockctl (lockfs) %s\n", LOCKFS_VERSION);
		exit(STATUS_YES);
	}
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
		help_print();
		exit(STATUS_YES);
	}
	if (strcmp(word, "completion") == 0)
		exit(completion_print(argc > 2 ? argv[2] : ""));
	if (*word == '-')
		die(STATUS_USAGE, "%s: a command comes first; lockctl --help tells which there are", shown(word));
}

static void check_together(const struct options *options)
{
	if (options->limit && options->shared)
		die(STATUS_USAGE, "-s and -L exclude each other: a permit is not shared");
	if (options->limit && options->also_count > 0)
		die(STATUS_USAGE, "-a and -L exclude each other: a permit is one lock");
	if (options->json && options->watch)
		die(STATUS_USAGE, "--json and --watch exclude each other");
	if (options->json && options->raw)
		die(STATUS_USAGE, "--json and --raw exclude each other");
}

static void check_operands(const struct command *command, const char *key, int rest)
{
	if (command->operands == OPERAND_COMMAND && key && rest == 0)
		die(STATUS_USAGE, "run needs a command: run KEY -- COMMAND...");
	if (!key && command->operands != OPERAND_DIRECTORY)
		die(STATUS_USAGE, "%s needs a KEY: lockctl %s %s", command->name, command->name, command->synopsis);
	if (command->operands != OPERAND_COMMAND && rest > 0)
		die(STATUS_USAGE, "%s takes one KEY", command->name);
}

const struct command *options_parse(int argc, char **argv, struct options *ret, const char **ret_key, char ***ret_command)
{
	const struct command *command;
	int at;

	answer_general(argc, argv);
	command = command_find(argv[1]);
	*ret = (struct options){ .held_status = STATUS_NO, .grace_ms = GRACE_MS };
	ret->dir = getenv("LOCKFS_DIR");
	at = 1 + read_options(command, argc - 1, argv + 1, ret);
	*ret_key = at < argc ? argv[at] : NULL;
	if (at < argc)
		at += read_options(command, argc - at, argv + at, ret);
	check_together(ret);
	check_operands(command, *ret_key && **ret_key ? *ret_key : NULL, argc - at);
	if (ret->dir && !*ret->dir)
		ret->dir = NULL;
	*ret_command = argv + at;
	return command;
}
