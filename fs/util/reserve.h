/*
 * A reserve of memory, so that locks can be released, renewed and looked up when the daemon runs out of memory.
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
#define RESERVE_BLOCK_SIZE 98304 /* bytes: more than any single allocation of a request, such as hiredis's buffer of a reply */

struct reserve {
	void *blocks[RESERVE_BLOCKS];
	bool is_freed;      /* memory is short: requests that keep memory are refused */
	int64_t retried_ns; /* CLOCK_BOOTTIME of the last attempt to allocate it again */
	int64_t logged_ns;  /* CLOCK_BOOTTIME of the last message that memory is short; 0: never */
};

/* Returns 0 or -ENOMEM. */
int reserve_init(struct reserve *reserve);
void reserve_free(struct reserve *reserve);

/* Call this before each request or renewal: it frees the reserve if no other memory is left. */
void reserve_prepare(struct reserve *reserve);

/* Call this before memory is allocated for longer than a request. Returns 0, or -ENOMEM while the reserve is freed. */
int reserve_check(struct reserve *reserve);

#endif
