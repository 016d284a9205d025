/* The table of all commands: what each takes, and what help says of it. */
#include "scripts/lockctl/command_functions.h"
#include "scripts/lockctl/command_line.h"

#define COMMON 'd', 'q', 'v', OPTION_DRY_RUN

static const int acquire_options[] = { COMMON, 's', 't', 'I', 'w', 'i', 'n', OPTION_OR_FAIL, 0 };
static const int holder_options[] = { COMMON, 'I', OPTION_OR_FAIL, 0 };
static const int refresh_options[] = { COMMON, 'I', 't', OPTION_OR_FAIL, 0 };
static const int state_options[] = { COMMON, 'I', 0 };
static const int wait_options[] = { COMMON, 'I', 'w', 'i', OPTION_OR_FAIL, 0 };
static const int run_options[] = { COMMON, 's', 't', 'I', 'w', 'i', 'n', 'E', 'L', 'k', 'a', OPTION_NOTIFY, 0 };
static const int ls_options[] = { COMMON, 'i', OPTION_JSON, OPTION_RAW, OPTION_OUTPUT, OPTION_NO_HEADINGS, OPTION_RECURSIVE, OPTION_SORT, OPTION_WATCH, 0 };
static const int events_options[] = { COMMON, OPTION_JSON, 0 };

const struct command commands[] = {
	{ "acquire", OPERAND_KEY, acquire_options, command_acquire, "[-s] [-t TTL] [-w SECONDS] KEY", "take the lock; 1 if somebody holds it" },
	{ "release", OPERAND_KEY, holder_options, command_release, "KEY", "give it back; 1 if you do not hold it" },
	{ "force-release", OPERAND_KEY, holder_options, command_force_release, "KEY", "give it back whoever holds it; 1 if nobody does" },
	{ "refresh", OPERAND_KEY, refresh_options, command_refresh, "[-t TTL] KEY", "count its lease anew; 1 if you do not hold it" },
	{ "state", OPERAND_ANY, state_options, command_state, "KEY", "print ACQUIRED (by you), UNAVAILABLE (by another) or FREE; of a directory with a limit ROOM or FULL" },
	{ "wait", OPERAND_ANY, wait_options, command_wait, "[-w SECONDS] KEY", "wait until it is free, or has room, without taking it" },
	{ "run", OPERAND_COMMAND, run_options, command_run, "[-s | -L LIMIT] [-w SECONDS] KEY -- COMMAND [ARGUMENT...]", "take the lock, run a command, give the lock back" },
	{ "ls", OPERAND_DIRECTORY, ls_options, command_ls, "[-R] [-o COLUMNS] [--sort COLUMN] [-n] [-J | -r | --watch] [DIR]", "print a table of the locks" },
	{ "events", OPERAND_DIRECTORY, events_options, command_events, "[--json] [DIR]", "print what happens to locks" },
	{ "handle", OPERAND_KEY, holder_options, command_handle, "KEY", "print the path by which any session on any mount is the holder" },
};
const size_t commands_count = sizeof(commands) / sizeof(commands[0]);
