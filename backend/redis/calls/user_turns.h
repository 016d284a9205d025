/*
 * Fairness between users on one connection. The server answers calls in the order in which they
 * are sent, so a user with very many calls under way would delay all others. Only a limited
 * number of one user's calls is sent at a time. The user's other calls wait in a queue, and the
 * users whose queues are not empty take turns.
 */
#ifndef BACKEND_REDIS_CALLS_USER_TURNS_H
#define BACKEND_REDIS_CALLS_USER_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/util/user_table.h"

struct turn_user;

/* All zero but what the owner sets. */
struct user_turns {
	size_t most; /* calls of one user that are sent at a time; 0: any number */
	struct user_entry *users;  /* all users with calls */
	struct turn_user *waiting; /* users with calls in their queue, the next user first */
};

/* The place of one call. All zero at first. */
struct turn {
	struct turn_user *user; /* NULL: the call is not counted */
	bool waits;             /* in the user's queue */
	struct turn *prev, *next; /* in the user's queue */
};

/*
 * A call of this user is ready to be sent. True: it may be sent now, also where there is no memory to
 * count it. False: it waits in the user's queue until user_turns_next() returns it.
 */
bool user_turns_begin(struct user_turns *turns, struct turn *turn, uid_t uid);

/* The call was answered or given up. */
void user_turns_end(struct user_turns *turns, struct turn *turn);

/* Takes the next call that may be sent out of its queue. NULL: there is none. */
struct turn *user_turns_next(struct user_turns *turns);

#endif
