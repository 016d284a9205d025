#include <stdio.h>

#include "lockfs/lock.h"

/* The scripts of Redis make the same text (owner_of() in event.lua). */
int lock_owner_print(const struct lock_holder *holder, char *text, size_t size)
{
	if (!holder->claim.identity)
		return snprintf(text, size, "%s", holder->claim.id);
	return snprintf(text, size, "%s@%s:%d %s", holder->user, holder->host, (int)holder->pid, holder->command);
}
