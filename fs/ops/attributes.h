/*
 * The table of extended attributes: name, printer and rules of each. To add one, write its print function and its row.
 */
#ifndef FS_OPS_ATTRIBUTES_H
#define FS_OPS_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "lockfs/lock.h"

struct dir_info;
struct node;
struct request;

/* Room for the longest value, a handle: `.with/`, an id, a lease, a key. */
#define ATTRIBUTE_VALUE_MAX (LOCK_KEY_MAX + LOCK_ID_MAX + 128)

/* What an attribute is printed from. */
struct attribute_subject {
	const struct request *request;
	const struct lock *lock;    /* NULL: it has ended, or is free, or it is a directory */
	const struct dir_info *dir; /* NULL: it is a lock */
	bool held_by_asker;
	bool may_see_id;
};

/* Prints a value; returns its length, or -ENODATA where it has none for this asker. */
typedef int attribute_print_fn(const struct attribute_subject *subject, char *value, size_t size);

struct attribute {
	const char *name;
	attribute_print_fn *print;
	bool outlives; /* a descriptor of an ended holding still has it */
	bool of_ours;  /* not known of a lock that was taken past lockfs */
	bool settable;
};

/* All attributes of this kind of node; a row without a name ends them. */
const struct attribute *attributes_of(const struct node *node);

/* NULL if this kind of node has no attribute of that name. */
const struct attribute *attribute_find(const struct node *node, const char *name);

/* Prints a value with its NUL; returns its length, -ENODATA if `subject` has none, or -ERANGE. */
int attribute_print(const struct attribute *attribute, const struct attribute_subject *subject, char *value, size_t size);

#endif
