/*
 * A table of users by uid, for what is counted for each user. The struct of a user begins with a
 * struct user_entry; the table allocates and frees it. A table is a pointer, NULL while it is empty.
 */
#ifndef BACKEND_UTIL_USER_TABLE_H
#define BACKEND_UTIL_USER_TABLE_H

#include <stddef.h>
#include <sys/types.h>

#include "backend/util/hash.h"

/* The first member of the struct of a user. */
struct user_entry {
	uid_t uid;
	UT_hash_handle hh; /* hh.next: the next user of the table */
};

/* Returns the entry of a user, or NULL. */
struct user_entry *user_table_find(struct user_entry *const *table, uid_t uid);

/* Returns the entry of a user. A new one has `size` bytes, all zero behind the entry. NULL if there is no memory. */
struct user_entry *user_table_find_or_add(struct user_entry **table, uid_t uid, size_t size);

/* Removes a user and frees its struct. */
void user_table_remove(struct user_entry **table, struct user_entry *user);

/* Removes all users. */
void user_table_clear(struct user_entry **table);

#endif
