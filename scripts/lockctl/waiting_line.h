/*
 * The line that says what is waited for, on a terminal or with -v: who holds the lock, since when, and how many are before us.
 * A process of its own keeps it up to date, as lockctl itself is asleep in the call that waits.
 */
#ifndef LOCKCTL_WAITING_LINE_H
#define LOCKCTL_WAITING_LINE_H

#include <stddef.h>

struct lock_state;
struct options;
struct place;

/* Begins to show the line, a moment later, for a call that may wait. */
void waiting_line_begin(const struct place *place, const struct options *options);

/* Takes the line away. */
void waiting_line_end(void);

#endif
