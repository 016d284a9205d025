/*
 * Prints the tables of commands and options in the languages of bash, zsh and fish. The build puts them into the completions
 * (scripts/lockctl.bash, scripts/_lockctl, scripts/lockctl.fish), which know the rest: keys and commands.
 */
#include <stdio.h>
#include <string.h>

#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

/* `-d --dir` with something between and around. */
static char *names(const struct option_spec *spec, const char *before, const char *between, const char *behind)
{
	if (!spec->letter)
		return text_make("%s--%s%s", before, spec->name, behind);
	return text_make("%s-%c%s--%s%s", before, spec->letter, between, spec->name, behind);
}

/* A function of bash that prints the options of a command, or only those that take a value. */
static void print_bash_options(const char *function, bool with_value)
{
	printf("%s() {\n\tcase $1 in\n", function);
	for (size_t i = 0; i < commands_count; i++) {
		printf("\t%s) echo ' ", commands[i].name);
		for (size_t at = 0; at < option_specs_count; at++)
			if (command_has_option(&commands[i], option_specs[at].code) && (!with_value || option_specs[at].argument))
				printf("%s ", names(&option_specs[at], "", " ", ""));
		printf("' ;;\n");
	}
	printf("\tesac\n}\n");
}

static void print_bash(void)
{
	printf("_lockctl_commands='");
	for (size_t i = 0; i < commands_count; i++)
		printf("%s ", commands[i].name);
	printf("help'\n");
	print_bash_options("_lockctl_with_value", true);
	print_bash_options("_lockctl_options", false);
	printf("_lockctl_values() {\n\tcase $1 in\n");
	for (size_t i = 0; i < option_specs_count; i++)
		if (option_specs[i].values && *option_specs[i].values != '/')
			printf("\t%s) echo '%s' ;;\n", names(&option_specs[i], "", " | ", ""), option_specs[i].values);
	printf("\tesac\n}\n");
}

/* What zsh completes as the value of an option. */
static char *zsh_action(const struct option_spec *spec)
{
	if (!spec->argument)
		return text_make("%s", "");
	if (!spec->values)
		return text_make(":%s:", spec->argument);
	if (*spec->values == '/')
		return text_make(":%s:_files -/", spec->argument);
	if (spec->code == OPTION_OUTPUT)
		return text_make(":%s:_values -s , column %s", spec->argument, spec->values);
	return text_make(":%s:(%s)", spec->argument, spec->values);
}

static void print_zsh_option(const struct option_spec *spec)
{
	const char *what = text_make("[%s]%s", spec->help, zsh_action(spec));
	const char *many = spec->code == 'a' ? "*" : "";

	if (spec->letter)
		printf("\t\t'%s-%c%s' ", many, spec->letter, what);
	printf("%s'%s--%s%s'\n", spec->letter ? "" : "\t\t", many, spec->name, what);
}

static void print_zsh(void)
{
	printf("local -a commands=(\n");
	for (size_t i = 0; i < commands_count; i++)
		printf("\t'%s:%s'\n", commands[i].name, commands[i].help);
	printf("\t'help:print a summary'\n)\nlocal -a specs\n_lockctl_specs() {\n\tcase $1 in\n");
	for (size_t i = 0; i < commands_count; i++) {
		printf("\t%s) specs=(\n", commands[i].name);
		for (size_t at = 0; at < option_specs_count; at++)
			if (command_has_option(&commands[i], option_specs[at].code))
				print_zsh_option(&option_specs[at]);
		printf("\t) ;;\n");
	}
	printf("\tesac\n}\n");
}

static void print_fish_option(const struct command *command, const struct option_spec *spec)
{
	printf("complete -c lockctl -n '__fish_seen_subcommand_from %s'", command->name);
	if (spec->letter)
		printf(" -s %c", spec->letter);
	printf(" -l %s%s -d '%s'", spec->name, spec->argument ? " -x" : "", spec->help);
	if (spec->values && *spec->values == '/')
		printf(" -a '(__fish_complete_directories)'");
	else if (spec->values)
		printf(" -a '%s'", spec->values);
	putchar('\n');
}

static void print_fish(void)
{
	for (size_t i = 0; i < commands_count; i++) {
		printf("complete -c lockctl -n __fish_use_subcommand -f -a %s -d '%s'\n", commands[i].name, commands[i].help);
		for (size_t at = 0; at < option_specs_count; at++)
			if (command_has_option(&commands[i], option_specs[at].code))
				print_fish_option(&commands[i], &option_specs[at]);
	}
}

int completion_print(const char *shell)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) != 0)
			continue;
		shells[i].print();
		return STATUS_YES;
	}
	die(STATUS_USAGE, "there is no table for the completion of %s; bash, zsh and fish have one", shown(shell));
}
