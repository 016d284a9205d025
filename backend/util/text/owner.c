/* The holder of a lock as a text for people. */
#include <stdio.h>

#include "lockfs/lock.h"

/* owner_of() in event.lua makes the same text in the server. */
int lock_owner_print(const struct lock_holder *holder, char *text, size_t size)
{
	if (!holder->claim.identity)
		return snprintf(text, size, "%s", holder->claim.id);
	return snprintf(text, size, "%s@%s:%d %s", holder->user, holder->host, (int)holder->pid, holder->command);
}
