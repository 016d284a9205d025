/* lockctl: the locks of a lockfs mount from the command line, as lockctl(1) describes. */
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

/* A descriptor 0 to 2 that the caller has closed must not become that of a lock; a command of `run` finds it closed still. */
static void fill_closed_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* May the place be the mount itself? It can have a limit, as any directory. */
static bool may_be_the_mount(const struct command *command, const struct options *options)
{
	return command->operands == OPERAND_DIRECTORY || command->operands == OPERAND_ANY || options->limit;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options options;
	struct place place;
	const char *key;
	char **rest;

	fill_closed_descriptors();
	command = options_parse(argc, argv, &options, &key, &rest);
	place_find(&options, key, &place);
	if (!*place.key && !may_be_the_mount(command, &options))
		die(STATUS_USAGE, "%s is the mount, not a lock in it", shown(key));
	return command->perform(&options, &place, rest);
}
