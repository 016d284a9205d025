/*
 * A reserve of memory, so that locks can be released, renewed and looked up while the daemon finds no other memory.
 * When allocations are about to fail, the reserve is freed for such requests. Requests that keep memory for longer
 * (locks, waiters, open files, views, listings, content) are refused with ENOMEM until the reserve, and as much
 * memory again, can be allocated.
 */
#ifndef FS_UTIL_RESERVE_H
#define FS_UTIL_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

/* The reserve is allocated in blocks, as a fragmented heap may have no room for one piece of the whole size. */
#define RESERVE_BLOCKS 10
#define RESERVE_BLOCK_SIZE 98304 /* bytes: more than any piece that a request takes, such as hiredis's buffer of an answer */

struct reserve {
	void *blocks[RESERVE_BLOCKS];
	bool given_up;
	int64_t tried_ns; /* CLOCK_BOOTTIME, when it was tried to have it back last */
	int64_t told_ns; /* CLOCK_BOOTTIME, when the log said so last; 0: never */
};

/* Returns 0 or -ENOMEM. */
int reserve_init(struct reserve *reserve);
void reserve_free(struct reserve *reserve);

/* To be called before a request or a renewal: frees the reserve if no other memory is left. */
void reserve_prepare(struct reserve *reserve);

/* To be called before memory is taken for longer than a request. Returns 0, or -ENOMEM while the reserve is freed. */
int reserve_check(struct reserve *reserve);

#endif
