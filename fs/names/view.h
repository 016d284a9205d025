/*
 * Views: `.with/OPTION[,OPTION…]/` shows the whole tree, and the options apply to each
 * access through it. There is one struct view for each text of options, and it lives as
 * long as a node uses it. How to add an option: README.md.
 */
#ifndef FS_NAMES_VIEW_H
#define FS_NAMES_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/util/hash.h"
#include "fs/names/patience.h"
#include "lockfs/lock.h"

/* The options of a view. All zero: the plain tree. */
struct view_options {
	int64_t ttl_ms;           /* lease of acquisitions; LEASE_UNSET: not given */
	bool as_files;            /* every lock is shown as a file */
	bool lockdir;             /* mkdir(2) acquires, and a lock that was acquired so is shown as a directory, unless `as_files` is set */
	bool force;               /* unlink(2) revokes locks of other holders */
	uint64_t token;           /* unlink(2) releases the holding with this token only; 0: not given */
	enum lock_mode mode;      /* of holdings that are acquired by creation */
	bool hold;                /* a holding is bound to the file that was created */
	int signal;               /* sent to the process that loses a lock; 0: none */
	struct patience patience; /* of a creation */
	char id[LOCK_ID_MAX + 1]; /* claim of all callers; "": not given */
};

struct view {
	struct view_options options;
	size_t users;  /* references */
	UT_hash_handle hh;
	char text[];   /* the options as they are written in the path */
};

struct view_table {
	struct view *by_text;
};

/* Parses the options in the name of a view. Returns 0 or -EINVAL. */
int view_parse(const char *text, struct view_options *ret);

/*
 * Finds or makes the view of this text, and adds a reference that view_put() drops.
 * Returns 0, -EINVAL or -ENOMEM.
 */
int view_get(struct view_table *table, const char *text, struct view **ret);

/* Adds a reference. Accepts NULL, the plain tree. */
struct view *view_hold(struct view *view);

/* Drops a reference. Accepts NULL. */
void view_put(struct view_table *table, struct view *view);

/* The options of the plain tree. */
extern const struct view_options plain_view_options;

/* Returns the parsed options. Accepts NULL. */
static inline const struct view_options *view_options_of(const struct view *view)
{
	return view ? &view->options : &plain_view_options;
}

/*
 * Does this view hide locks held by others? It must if creation may wait or share the
 * lock: otherwise the kernel answers EEXIST itself, and the daemon is not asked.
 */
static inline bool view_hides(const struct view *view)
{
	const struct view_options *options = view_options_of(view);

	return patience_any(&options->patience) || options->mode == LOCK_SHARED;
}

/*
 * Does this view hide shared locks also from their holders? A holding that is bound to an open file is one of several, or
 * waits for them to end, within one session as between two.
 */
static inline bool view_hides_own_shared(const struct view *view)
{
	return view_hides(view) && view_options_of(view)->hold;
}

/*
 * May a lock be acquired in this view by a call that opens no file, such as symlink(2)? There is nothing then that the lock could
 * be bound to, and it excludes all others.
 */
static inline bool view_makes_unopened(const struct view_options *options)
{
	return !options->hold && !options->signal && options->mode == LOCK_EXCLUSIVE;
}

/*
 * Does creating for writing acquire in this view, also without O_EXCL? It does if the view says who acquires, or
 * how. In every other view and in the plain tree such a creation gives a handle.
 */
static inline bool view_acquires(const struct view *view)
{
	const struct view_options *options = view_options_of(view);

	return *options->id || options->hold || view_hides(view);
}

#endif
