/* Counts nodes by user, and chooses the nodes that the kernel should forget. */
#include "fs/names/known_nodes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

/* Nodes that one call examines: more than one lookup makes, so that the excess shrinks. */
#define EXAMINED_NODES 4

struct known_user {
	struct user_entry entry;
	size_t count;
	bool is_reported; /* on_full was called for this user */
	struct known_node *oldest; /* list in the order of the last lookup */
};

static struct known_user *find(const struct known_nodes *known, uid_t uid)
{
	return (struct known_user *)user_table_find(&known->users, uid);
}

static bool is_exempt(const struct known_nodes *known, uid_t uid)
{
	return uid == 0 || uid == known->self;
}

static void report(const struct known_nodes *known, struct known_user *user, size_t added)
{
	char line[256];

	if (user->is_reported)
		return;
	user->is_reported = true;
	snprintf(line, sizeof(line), "user %u uses %zu names, of %zu that all users use, and is refused more: %s. -o user_names= allows more",
		(unsigned int)user->entry.uid, user->count - added, known->count - added, strerror(ENFILE));
	known->on_full(known->ctx, line);
}

static bool is_at_least(size_t count, size_t most)
{
	return most > 0 && count >= most;
}

static size_t without(size_t count, size_t leaving)
{
	return count > leaving ? count - leaving : 0;
}

/* Has this user reached a limit, if `less` nodes do not count? */
static bool is_full(const struct known_nodes *known, const struct known_user *user, size_t less)
{
	size_t users = HASH_COUNT(known->users);
	size_t share = users ? known->most / users : 0;

	return is_at_least(without(user->count, less), known->user_most) ||
		(is_at_least(without(known->count, less), known->most) && user->count > share);
}

/* `added` nodes of the user are in the table already; the log line gives the numbers without them. */
static int admit(struct known_nodes *known, uid_t uid, size_t leaving, size_t added)
{
	struct known_user *user = find(known, uid);

	if (!user || is_exempt(known, uid) || !is_full(known, user, leaving + added))
		return 0;
	report(known, user, added);
	return -ENFILE;
}

int known_nodes_admit(struct known_nodes *known, uid_t uid, size_t leaving)
{
	return admit(known, uid, leaving, 1);
}

int known_nodes_admit_next(struct known_nodes *known, uid_t uid, size_t leaving)
{
	return admit(known, uid, leaving, 0);
}

void known_nodes_add(struct known_nodes *known, struct known_node *node, uid_t uid)
{
	struct known_user *user = (struct known_user *)user_table_find_or_add(&known->users, uid, sizeof(*user));

	node->user = user;
	if (!user)
		return;
	DL_APPEND2(user->oldest, node, prev, next);
	user->count++;
	known->count++;
}

void known_nodes_touch(struct known_node *node)
{
	struct known_user *user = node->user;

	if (!user)
		return;
	DL_DELETE2(user->oldest, node, prev, next);
	DL_APPEND2(user->oldest, node, prev, next);
}

void known_nodes_remove(struct known_nodes *known, struct known_node *node)
{
	struct known_user *user = node->user;

	if (!user)
		return;
	DL_DELETE2(user->oldest, node, prev, next);
	node->user = NULL;
	known->count--;
	if (--user->count <= known->user_most / 2)
		user->is_reported = false;
	if (user->count == 0)
		user_table_remove(&known->users, &user->entry);
}

static struct known_user *find_largest(const struct known_nodes *known)
{
	struct known_user *largest = (struct known_user *)known->users;

	for (struct user_entry *entry = known->users; entry; entry = entry->hh.next) {
		struct known_user *user = (struct known_user *)entry;

		if (user->count > largest->count)
			largest = user;
	}
	return largest;
}

/* Returns the user who should have fewer nodes, or NULL. */
static struct known_user *find_excessive(const struct known_nodes *known, uid_t uid)
{
	struct known_user *user = find(known, uid);

	if (user && !is_exempt(known, uid) && is_at_least(user->count, known->user_most / 2))
		return user;
	return known->is_short || is_at_least(known->count, known->most / 2) ? find_largest(known) : NULL;
}

struct known_node *known_nodes_excess(struct known_nodes *known, uid_t uid,
                                      bool (*may_be_forgotten)(const struct known_node *node))
{
	struct known_user *user = find_excessive(known, uid);

	for (int i = 0; user && i < EXAMINED_NODES; i++) {
		struct known_node *node = user->oldest;

		/* To the end of the list, because the kernel may take a while to forget it. */
		known_nodes_touch(node);
		if (may_be_forgotten(node))
			return node;
	}
	return NULL;
}

void known_nodes_free(struct known_nodes *known)
{
	user_table_clear(&known->users);
}
