/* The table of reserved names, and the check of every name that becomes part of a key. */
#include "fs/names/reserved_name.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const reserved[] = {
	WITH_NAME, ".events", ".events.json", ".stats", ".status", ".status.json", ".locks", ".locks.json",
};

bool name_is_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(name, reserved[i]) == 0)
			return true;
	return false;
}

int name_join(const char *dir, const char *name, char key[LOCK_KEY_MAX + 1])
{
	size_t length = strlen(name);

	if (length > LOCK_NAME_MAX || strlen(dir) + (*dir ? 1 : 0) + length > LOCK_KEY_MAX)
		return -ENAMETOOLONG;
	if (name_is_reserved(name))
		return -EPERM;
	if (*dir) {
		key = stpcpy(key, dir);
		*key++ = '/';
	}
	stpcpy(key, name);
	return 0;
}
