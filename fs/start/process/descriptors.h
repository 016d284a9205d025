/* The descriptors that the daemon was started with: the three standard ones are opened, all others are closed. */
#ifndef FS_START_PROCESS_DESCRIPTORS_H
#define FS_START_PROCESS_DESCRIPTORS_H

#include <stddef.h>

/*
 * Opens standard input, output and error on /dev/null if they are closed, so that no other file gets their
 * numbers. Call this before any other file is opened. Returns 0 or a negative errno.
 */
int descriptors_open_standard(void);

/*
 * Closes all other inherited descriptors: the starter's locks and pipes would stay in use for as long as the mount exists.
 * A file name in `names` of the form /dev/fd/N or /proc/self/fd/N keeps its descriptor open; a name may be NULL.
 */
void descriptors_close_inherited(const char *const *names, size_t count);

/* Closes a descriptor and sets it to -1. Accepts -1. */
void descriptor_close(int *fd);

#endif
