/* Names in a directory: which are reserved, and how they make a key. */
#ifndef FS_NAMES_RESERVED_NAME_H
#define FS_NAMES_RESERVED_NAME_H

#include <stdbool.h>

#include "lockfs/lock.h"

#define WITH_NAME ".with"

/* Names that no lock or directory can have, in any directory. */
bool name_is_reserved(const char *name);

/*
 * Puts `name` behind the directory `dir` ("" for the root). Returns 0, or
 * -ENAMETOOLONG, or -EPERM for a reserved name, with `key` undefined.
 */
int name_join(const char *dir, const char *name, char key[LOCK_KEY_MAX + 1]);

#endif
