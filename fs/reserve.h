/*
 * Memory that is kept back, so that locks can be released, renewed and looked at while there is no other. When an
 * allocation is about to fail, the reserve is given up; until it can be had back, and as much again, whatever takes
 * memory for long is refused with ENOMEM: locks, waiters, open files, views, listings, content.
 */
#ifndef FS_RESERVE_H
#define FS_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

/* In blocks, for which there is room where one piece of all would not find any. */
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

/* Something begins that may not fail: gives the reserve up where there is no other memory. */
void reserve_prepare(struct reserve *reserve);

/* Something begins that takes memory. Returns 0, or -ENOMEM while the reserve is given up and cannot be had back. */
int reserve_check(struct reserve *reserve);

#endif
