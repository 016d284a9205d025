/* Acquiring a lock by exclusive creation, which the daemon lets wait. */
#ifndef LOCKCTL_LOCK_ACQUIRE_H
#define LOCKCTL_LOCK_ACQUIRE_H

#include <stdbool.h>

struct deadline;
struct options;
struct place;

/* The path by which a lock is acquired: through a view with `view` (or NULL) and what the options ask for. */
char *acquire_path(const struct place *place, const struct options *options, const char *view, const struct deadline *deadline);

/*
 * Acquires the lock, and waits for it until the deadline. Returns a descriptor of it, or -1 if another has it until then. Ends
 * the process for all other errors. With `joins_shared`, a lock that others share is waited for by the daemon.
 */
int acquire(const struct place *place, const struct options *options, const char *view, bool joins_shared, const struct deadline *deadline);

#endif
