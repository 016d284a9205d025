/* Users by uid in a hash table. */
#include "backend/util/user_table.h"

#include <stdlib.h>

struct user_entry *user_table_find(struct user_entry *const *table, uid_t uid)
{
	struct user_entry *user;

	HASH_FIND(hh, *table, &uid, sizeof(uid), user);
	return user;
}

struct user_entry *user_table_find_or_add(struct user_entry **table, uid_t uid, size_t size)
{
	struct user_entry *user = user_table_find(table, uid);

	if (user)
		return user;
	user = calloc(1, size);
	if (!user)
		return NULL;
	user->uid = uid;
	HASH_ADD(hh, *table, uid, sizeof(user->uid), user);
	if (user->hh.tbl)
		return user;
	free(user);
	return NULL;
}

void user_table_remove(struct user_entry **table, struct user_entry *user)
{
	HASH_DELETE(hh, *table, user);
	free(user);
}

void user_table_clear(struct user_entry **table)
{
	struct user_entry *user, *next;

	HASH_ITER(hh, *table, user, next)
		user_table_remove(table, user);
}
