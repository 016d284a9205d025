/*
 * Whose calls go next: a server answers one after the other, so who has very many under
 * way makes everybody wait. Of one user only so many are sent at a time; the others wait
 * here, and users take turns.
 */
#ifndef BACKEND_REDIS_TURNS_H
#define BACKEND_REDIS_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/table.h"

struct turn_user;

/* All zero but what the owner sets. */
struct turns {
	size_t most; /* of one user at a time; 0: any number */
	struct turn_user *users;   /* who has any */
	struct turn_user *waiting; /* those among them of whom some wait, the next one first */
};

/* The place of one call. All zero at first. */
struct turn {
	struct turn_user *user; /* NULL: it is not counted */
	bool waits;
	struct turn *prev, *next; /* of this user, that wait */
};

/*
 * A call of this user wants to go. True: it may; false: it waits until turns_next() gives it.
 * Without memory to count it, it may.
 */
bool turns_begin(struct turns *turns, struct turn *turn, uid_t uid);

/* It is over, or given up. */
void turns_end(struct turns *turns, struct turn *turn);

/* One that waited and goes now; NULL: none may. */
struct turn *turns_next(struct turns *turns);

#endif
