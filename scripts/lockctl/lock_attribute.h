/* The attributes user.lock.NAME of locks and directories, read through a descriptor: one look-up of the path for all. */
#ifndef LOCKCTL_LOCK_ATTRIBUTE_H
#define LOCKCTL_LOCK_ATTRIBUTE_H

#include <stdint.h>

/* A descriptor of the file itself that needs no permission of it and is no handle. Returns it or a negative errno. */
int attribute_open(const char *path);

/* Reads an attribute of an open file of any kind. Returns 0 or a negative errno. */
int attribute_read(int fd, const char *name, char **ret_value);

/* Reads one that is a number; `otherwise` if it is missing or none. */
int64_t attribute_number(int fd, const char *name, int64_t otherwise);

#endif
