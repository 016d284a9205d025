/* A table of users by uid, and a list of those users whose queues are not empty, in the order of their turns. */
#include "backend/redis/calls/user_turns.h"

#include <utlist.h>

struct turn_user {
	struct user_entry entry;
	size_t count; /* calls that are sent */
	struct turn *waits; /* the queue */
	struct turn_user *prev, *next; /* users with a queue that is not empty */
};

static void drop_unused(struct user_turns *turns, struct turn_user *user)
{
	if (user->count > 0 || user->waits)
		return;
	user_table_remove(&turns->users, &user->entry);
}

static void stop_waiting(struct user_turns *turns, struct turn *turn)
{
	struct turn_user *user = turn->user;

	turn->waits = false;
	DL_DELETE(user->waits, turn);
	if (!user->waits)
		DL_DELETE(turns->waiting, user);
}

bool user_turns_begin(struct user_turns *turns, struct turn *turn, uid_t uid)
{
	struct turn_user *user = turns->most == 0 ? NULL :
		(struct turn_user *)user_table_find_or_add(&turns->users, uid, sizeof(*user));

	if (!user)
		return true;
	turn->user = user;
	/* A new call does not overtake those in the queue. */
	if (user->count < turns->most && !user->waits) {
		user->count++;
		return true;
	}
	if (!user->waits)
		DL_APPEND(turns->waiting, user);
	turn->waits = true;
	DL_APPEND(user->waits, turn);
	return false;
}

void user_turns_end(struct user_turns *turns, struct turn *turn)
{
	struct turn_user *user = turn->user;

	if (!user)
		return;
	if (turn->waits)
		stop_waiting(turns, turn);
	else
		user->count--;
	turn->user = NULL;
	drop_unused(turns, user);
}

static struct turn_user *find_ready(const struct user_turns *turns)
{
	struct turn_user *user;

	DL_FOREACH(turns->waiting, user)
		if (user->count < turns->most)
			return user;
	return NULL;
}

struct turn *user_turns_next(struct user_turns *turns)
{
	struct turn_user *user = find_ready(turns);
	struct turn *turn;

	if (!user)
		return NULL;
	turn = user->waits;
	/* If the user has more calls in the queue, the other users come first. */
	DL_DELETE(turns->waiting, user);
	DL_APPEND(turns->waiting, user);
	stop_waiting(turns, turn);
	user->count++;
	return turn;
}
