/*
 * Views: `.with/OPTION[,OPTION…]/` is the whole tree, seen with options. One
 * struct view stands for one text of options, for as long as a node uses it.
 */
#ifndef FS_NAMES_VIEW_H
#define FS_NAMES_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/util/hash.h"
#include "fs/names/patience.h"
#include "lockfs/lock.h"

/* What the options say. All zero: the plain tree. */
struct view_options {
	int64_t ttl_ms; /* LEASE_UNSET: none given */
	bool force;
	bool hold;
	int signal; /* 0: none */
	struct patience patience; /* of who creates */
	char id[LOCK_ID_MAX + 1]; /* "": none given */
};

struct view;

struct view_table {
	struct view *by_text;
};

/* Reads the text of a view's directory. Returns 0 or -EINVAL. */
int view_parse(const char *text, struct view_options *ret);

/*
 * The view of this text, which the caller then holds until view_put(). Returns
 * 0, -EINVAL, or -ENOMEM.
 */
int view_get(struct view_table *table, const char *text, struct view **ret);

/* Holds a view once more. NULL, the plain tree, is allowed here and below. */
struct view *view_hold(struct view *view);
void view_put(struct view_table *table, struct view *view);

/* The options as they are written in its path. */
const char *view_text(const struct view *view);

const struct view_options *view_options_of(const struct view *view);

/*
 * Is another's lock not there to be seen? The kernel would refuse a creation by
 * itself else, and nobody could wait.
 */
bool view_hides(const struct view *view);

#endif
