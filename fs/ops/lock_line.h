/*
 * One line of `.locks` or `.locks.json`: the key, then all attributes of a lock that attributes.c has, so that an attribute that is
 * added there is in the line as well.
 */
#ifndef FS_OPS_LOCK_LINE_H
#define FS_OPS_LOCK_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/util/quota.h"

struct attribute_subject;

/* Text that grows, and for which a user is charged. */
struct growing_text {
	struct quota *quota;
	uid_t uid;
	char *bytes;
	size_t size;     /* bytes used */
	size_t capacity; /* bytes allocated */
};

/* Adds the line of a lock that is shown by the name `key`. Returns 0, -ENOMEM, or the error of the quota. */
int lock_line_add(struct growing_text *text, const struct attribute_subject *subject, const char *key, bool json);

/* Removes all and frees the memory. */
void growing_text_clear(struct growing_text *text);

#endif
