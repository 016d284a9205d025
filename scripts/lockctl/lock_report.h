/* What is true of a lock or of a directory with a limit, and how that is said to people. */
#ifndef LOCKCTL_LOCK_REPORT_H
#define LOCKCTL_LOCK_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct place;

enum lock_kind { LOCK_FREE, LOCK_ACQUIRED, LOCK_UNAVAILABLE, LOCK_ROOM, LOCK_FULL };

struct lock_state {
	enum lock_kind kind;
	bool is_shared;
	const char *owner;     /* for people; NULL if not known */
	const char *acquired;  /* when, as the attribute says it; NULL if not known */
	int64_t remaining_ms;  /* LEASE_NEVER if it does not end */
	int64_t holders;       /* of a lock */
	int64_t waiters;
	int64_t limit, taken;  /* of a directory */
};

/*
 * Looks at a lock or a directory with a limit. Returns 0 or a negative errno: -ENODATA for a directory without a limit. A lock
 * that nobody holds is no error.
 */
int lock_look(const struct place *place, struct lock_state *ret);

/* As lock_look(), and ends the process for every error. */
void lock_must_look(const struct place *place, struct lock_state *ret);

/* Who holds the lock and for how long, or how full the directory is. */
char *lock_in_words(const struct place *place, const struct lock_state *state);

/* Why the lock was refused: another has it, or its directory is full. */
char *lock_obstacle(const struct place *place);

#endif
