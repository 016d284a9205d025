/* The descriptors that the daemon was started with. */
#ifndef FS_START_PROCESS_DESCRIPTORS_H
#define FS_START_PROCESS_DESCRIPTORS_H

#include <stddef.h>

/*
 * Opens standard input, output and error if they are closed, so that nothing else gets their
 * numbers. To be called before any other file is opened. Returns 0 or a negative errno.
 */
int descriptors_open_standard(void);

/*
 * Closes all others that were inherited: a lock, or the end of a pipe, would stay in use as long as the
 * mount. Files of `names` that are written as /dev/fd/N or /proc/self/fd/N are kept; a name may be NULL.
 */
void descriptors_close_inherited(const char *const *names, size_t count);

/* Closes a descriptor, which is -1 from then on. Accepts -1. */
void descriptor_close(int *fd);

#endif
