/* The operations on files that a command would do, for --dry-run: each line can be pasted into a shell. */
#ifndef LOCKCTL_DRY_RUN_H
#define LOCKCTL_DRY_RUN_H

#include <stdbool.h>

struct options;

/* With --dry-run, prints the line and returns true. */
bool dry_run(const struct options *options, const char *line);

#endif
