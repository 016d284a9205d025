/*
 * Splits keys. A key is the path of a lock or directory below the mount: names separated by `/`, with none at either end. The
 * root directory has the key "".
 */
#ifndef BACKEND_UTIL_TEXT_KEY_H
#define BACKEND_UTIL_TEXT_KEY_H

#include <stddef.h>
#include <string.h>

/* The length of the parent directory's key at the start of `key`; 0: the parent is the root directory. */
static inline size_t key_parent_length(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash ? (size_t)(slash - key) : 0;
}

/* The last name of `key`. */
static inline const char *key_name(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash ? slash + 1 : key;
}

#endif
