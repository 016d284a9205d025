/* Random ids, from the kernel's generator. They prove holdings, so nobody may be able to guess them. */
#ifndef BACKEND_UTIL_RANDOM_ID_H
#define BACKEND_UTIL_RANDOM_ID_H

#include <stddef.h>

/* 128 bits as hexadecimal digits, the NUL included. */
#define RANDOM_ID_SIZE 33

/* Makes an id. Returns 0 or -EIO, as random_bytes(). */
int random_id(char id[RANDOM_ID_SIZE]);

/*
 * Fills `bytes` with `size` random bytes, at most 256. Returns 0, or -EIO if the kernel's generator is not ready yet, soon
 * after a boot. Only for the thread of the event loop.
 */
int random_bytes(void *bytes, size_t size);

#endif
