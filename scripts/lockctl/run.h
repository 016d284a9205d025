/* What the parts of `lockctl run` share: the locks that are held and the command that runs meanwhile. */
#ifndef LOCKCTL_RUN_H
#define LOCKCTL_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/terminal.h"

/* A lock that is bound to our descriptor. */
struct bound_lock {
	struct place place;
	const char *token, *handle;
	int fd;
};

#define LOCKS_MAX (ALSO_MAX + 1)

struct run {
	const struct options *options;
	struct bound_lock locks[LOCKS_MAX]; /* in the order in which they are acquired on all hosts */
	size_t count;
	const char *program;   /* without its directories */
	struct terminal terminal;
	sigset_t mask_before;  /* of signals, as the caller left it */
	struct sigaction child_action_before;
	int signals;           /* signalfd(2) */
	pid_t child;           /* the command, and its process group */
	pid_t guard;
	int status;            /* of the command, as waitpid(2) has it */
	bool has_ended;        /* the command */
	const struct bound_lock *lost; /* the first lock that was lost; NULL: none */
};

/* Blocks the signals that are passed on, which are read from run->signals from then on. */
void signals_begin(struct run *run);

/* Starts the command in a process group of its own. */
void child_start(struct run *run, char **command);

/* Waits for the end of the command, passes signals, and stops it when a lock is lost. Its group is empty afterwards. */
void supervise(struct run *run);

/* Ends this process as the command ended: by its status or its signal. */
void end_as_child(const struct run *run) __attribute__((noreturn));

#endif
