/* The process beside `lockctl run` that stops the command if lockctl is killed, and lets go of the locks only then. */
#ifndef LOCKCTL_GUARD_H
#define LOCKCTL_GUARD_H

struct run;

/* Starts it. Without it, as if no process can be made, the command still dies with lockctl. */
void guard_start(struct run *run);

/* Ends it. */
void guard_end(const struct run *run);

#endif
