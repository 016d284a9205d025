/*
 * The locks below a directory, as `ls` shows them. This header is all that knows where the rows come from: today from a walk
 * through the directories and the attributes of each lock.
 */
#ifndef LOCKCTL_LIST_H
#define LOCKCTL_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place;

struct lock_row {
	const char *key; /* of a directory with a slash at its end */
	bool is_directory; /* one with a limit: only key, limit, taken and waiters are set */
	const char *owner, *state, *mode;
	const char *remaining, *ttl; /* seconds or `never`, as the attributes have them; NULL if not known */
	const char *token;           /* NULL if not known */
	int64_t waiters, holders;
	int64_t limit, taken;
	struct lock_row *next;
};

struct list {
	struct lock_row **rows; /* sorted by key */
	size_t count;
	const char *unreadable; /* the key of a directory that could not be read; NULL: all could be */
	int unreadable_error;
};

/* Reads all rows. Returns 0 or a negative errno, of which -ENOENT says that the directory is not there. */
int list_read(const struct place *place, struct list *ret);

#endif
