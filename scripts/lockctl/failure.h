/* What an errno of an operation on a lock means: an exit status, and what to do about it. */
#ifndef LOCKCTL_FAILURE_H
#define LOCKCTL_FAILURE_H

#include <stdbool.h>

struct place;

/* Ends the process for what no command takes for an answer: `cannot DEED KEY: WHY; WHAT TO DO`. */
void give_up(const char *deed, const struct place *place, int error) __attribute__((noreturn));

/* The exit status for this errno. */
int failure_status(int error);

/* Says `cannot DEED NAME: WHY; WHAT TO DO`. */
void failure_say(const char *deed, const char *name, int error);

/* Does this errno say that the lock, or its holding, is not there? */
bool failure_is_free(int error);

/* Does this errno say that the caller may not? */
bool failure_is_denied(int error);

#endif
