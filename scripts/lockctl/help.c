/* Prints the summary of all commands and options, from their tables. */
#include <stdio.h>

#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/text.h"

#define COMMAND_WIDTH 15
#define OPTION_WIDTH 30

static void print_option(const struct option_spec *spec)
{
	const char *title = text_make("%s--%s%s%s", spec->letter ? text_make("-%c, ", spec->letter) : "    ", spec->name,
				      spec->argument ? " " : "", spec->argument ? spec->argument : "");

	printf("  %-*s  %s\n", OPTION_WIDTH, title, spec->help);
}

void help_print(void)
{
	puts("usage: lockctl COMMAND [OPTION...] [KEY]\n");
	for (size_t i = 0; i < commands_count; i++)
		printf("  %-*s%s\n", COMMAND_WIDTH, commands[i].name, commands[i].help);
	puts("");
	for (size_t i = 0; i < option_specs_count; i++)
		print_option(&option_specs[i]);
	printf("  %-*s  %s\n", OPTION_WIDTH, "    --version", "print the version");
	puts("\nColumns of ls: " LS_COLUMN_NAMES);
	puts("\nKEY is a path to a lock, or a name below the directory of -d, below the current directory, or below\n"
	     "the only mount of this machine.\n"
	     "Exit status: 0 yes, 1 no, 64 usage, 69 no mount or server, 75 lost, 77 not permitted.");
}
