/*
 * The locks below a directory, as `ls` shows them. This header is all that knows where the rows come from: the locks from
 * `.locks`, see lockfs(5), and the directories with a limit from their attributes.
 */
#ifndef LOCKCTL_LIST_H
#define LOCKCTL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct place;

/* What a row has: identifier, name and kind. From `state` to `waiters` in the order of `.locks`. */
#define LOCK_FIELDS(FIELD) \
	FIELD(KEY, "key", TEXT) \
	FIELD(STATE, "state", TEXT) \
	FIELD(MODE, "mode", TEXT) \
	FIELD(FORM, "form", TEXT) \
	FIELD(HOLDERS, "holders", NUMBER) \
	FIELD(OWNER, "owner", TEXT) \
	FIELD(TTL, "ttl", DURATION) \
	FIELD(REMAINING, "remaining", DURATION) \
	FIELD(ACQUIRED, "acquired", TEXT) \
	FIELD(EXPIRES, "expires", TEXT) \
	FIELD(TOKEN, "token", NUMBER) \
	FIELD(ID, "id", TEXT) \
	FIELD(HANDLE, "handle", TEXT) \
	FIELD(HOST, "host", TEXT) \
	FIELD(PID, "pid", NUMBER) \
	FIELD(UID, "uid", NUMBER) \
	FIELD(COMMAND, "command", TEXT) \
	FIELD(WAITERS, "waiters", NUMBER) \
	FIELD(LIMIT, "limit", NUMBER) \
	FIELD(TAKEN, "taken", NUMBER)

#define LOCK_FIELD_ID(id, name, kind) FIELD_##id,
enum field { LOCK_FIELDS(LOCK_FIELD_ID) FIELDS };

enum field_kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_DURATION, /* seconds, or `never` */
};

struct lock_field {
	const char *name;
	enum field_kind kind;
};
extern const struct lock_field lock_fields[FIELDS];

struct lock_row {
	bool is_directory;          /* one with a limit: only key, waiters, limit and taken are set */
	bool is_below;              /* in a directory below the one that is listed */
	const char *values[FIELDS]; /* NULL: not known. The key of a directory has a slash at its end */
	struct lock_row *next;
};

struct list {
	struct lock_row **rows; /* sorted by key */
	size_t count;
	size_t count_below;     /* locks in directories below, which are no rows unless recursive */
	const char *unreadable; /* the key of a directory that could not be read; NULL: all could be */
	int unreadable_error;
	bool is_old_daemon; /* with -ENOENT: the daemon has no `.locks` */
};

/* Reads all rows. Returns 0 or a negative errno, of which -ENOENT says that the directory is not there, unless is_old_daemon. */
int list_read(const struct place *place, bool recursive, struct list *ret);

#endif
