/* Names in a directory: which names are reserved, and how directory and name make a key. */
#ifndef FS_NAMES_RESERVED_NAME_H
#define FS_NAMES_RESERVED_NAME_H

#include <stdbool.h>

#include "lockfs/lock.h"

#define WITH_NAME ".with"

/* Can no lock or directory have this name? */
bool name_is_reserved(const char *name);

/*
 * Writes the key of `name` in the directory `dir` ("" for the root). Returns 0; or
 * -ENAMETOOLONG, or -EPERM for a reserved name, and `key` is undefined.
 */
int name_join(const char *dir, const char *name, char key[LOCK_KEY_MAX + 1]);

#endif
