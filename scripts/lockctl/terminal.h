/* Handing the terminal over to the command of `lockctl run`, and taking it back, as a shell with job control does. */
#ifndef LOCKCTL_TERMINAL_H
#define LOCKCTL_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

struct terminal {
	int fd;        /* -1: none */
	bool in_front; /* we were in front of it, and no part of a pipeline, so the command is to be */
};

/* Looks whether the command is to be in front. */
struct terminal terminal_find(void);

/* Is this process group in front of the terminal? */
bool terminal_has(const struct terminal *terminal, pid_t group);

/* Puts a process group in front. SIGTTOU must be blocked. */
void terminal_give(const struct terminal *terminal, pid_t group);

/* Opens the terminal of the session, if it has one and that was not done. */
void terminal_open(struct terminal *terminal);

#endif
