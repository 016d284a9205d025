/* Waiting until a lock is free without asking for it, woken by the events of the mount. */
#ifndef LOCKCTL_WAIT_H
#define LOCKCTL_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct lock_state;
struct options;
struct place;

/* When a wait is over, on the clock of boot_ns(). */
struct deadline {
	bool is_forever;
	int64_t at_ns;
};

/* The end of a wait that begins now. */
struct deadline deadline_begin(int64_t wait_ms);

/* What is left of it in ms: 0 if it is over, INT64_MAX for a wait that never is. */
int64_t deadline_left_ms(const struct deadline *deadline);

/* Does this line of `.events` tell of the key, written as there, or of one below it, or of lines that were missed? */
bool event_line_tells_of(const char *line, const char *written_key);

/*
 * Waits until the lock is free, or its directory has room, or until the deadline. Sets *ret_state to what was seen last.
 * `is_enough` says which states end the wait. Returns false if the deadline was first.
 */
bool wait_until_free(const struct place *place, const struct options *options, const struct deadline *deadline,
		     bool (*is_enough)(const struct lock_state *state), struct lock_state *ret_state);

/* Free, or with room. */
bool wait_is_free(const struct lock_state *state);

#endif
