/*
 * The extended attributes of locks and directories, one row of a table each: name, print function and rules.
 */
#ifndef FS_OPS_ATTRIBUTES_H
#define FS_OPS_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockfs/backend.h"
#include "lockfs/lock.h"

struct mount;
struct node;
struct request;

/* Room for the longest value, a handle: `.with/`, an id, a lease, a key. */
#define ATTRIBUTE_VALUE_MAX (LOCK_KEY_MAX + LOCK_ID_MAX + 128)

/* The lock or directory whose attributes are printed, and what its caller may see. */
struct attribute_subject {
	const struct request *request; /* of a directory */
	const char *key;            /* of a lock, held or not */
	const struct lock *lock;    /* NULL: a directory, a free lock, or a holding that has ended */
	const struct dir_info *dir; /* NULL: a lock */
	bool held_by_caller;
	bool may_see_id;            /* may the caller see the id, which proves holding the lock? */
};

/* Prints a value with its NUL; returns its length, or -ENODATA if the caller may not see it. */
typedef int attribute_print_fn(const struct attribute_subject *subject, char *value, size_t size);

/* Reads a setting from `size` bytes without a NUL: a lease in ms, or a number. Returns 0 or -EINVAL. */
typedef int attribute_parse_fn(const char *value, size_t size, int64_t *ret);

struct attribute {
	const char *name;
	attribute_print_fn *print;
	attribute_print_fn *print_raw; /* as `print` without escapes, for whoever escapes the value; NULL: `print` escapes nothing */
	attribute_parse_fn *parse;    /* reads what setxattr(2) is given; NULL: it cannot be set */
	enum dir_setting dir_setting; /* of a directory, if it can be set: the setting that it changes */
	bool may_be_unset; /* of a directory: it is not shown and cannot be removed while the setting is not made */
	bool without_lock; /* is also shown for a free lock and for a holding that has ended */
	bool not_foreign;  /* is not known of a lock of another Redis client */
	bool is_number;    /* in JSON, unless it is `never` */
};

/* What attributes of locks begin with. */
#define ATTRIBUTE_PREFIX "user.lock."

/* All attributes of locks; a row without a name ends them. */
extern const struct attribute lock_attributes[];

/* All attributes of this kind of node; a row without a name ends them. */
const struct attribute *attributes_of(const struct node *node);

/* NULL if this kind of node has no attribute of that name. */
const struct attribute *attribute_find(const struct node *node, const char *name);

/*
 * May this user see the id of a lock? It proves holding the lock, so only the holder sees it, and the holder's user on the mount
 * that acquired.
 */
bool attribute_shows_id(const struct mount *mount, uid_t uid, const struct lock *lock, bool held_by_caller);

/* As attribute_print(), without escapes. */
int attribute_print_raw(const struct attribute *attribute, const struct attribute_subject *subject, char *value, size_t size);

/* Prints a value with its NUL; returns its length, -ENODATA if `subject` has none, or -ERANGE. */
int attribute_print(const struct attribute *attribute, const struct attribute_subject *subject, char *value, size_t size);

#endif
