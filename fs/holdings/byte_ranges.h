/*
 * Sets of byte ranges, as fcntl(2) locks and unlocks them. A set of more than BYTE_RANGES_MAX ranges also contains the smallest
 * gaps between them: it never has less than what was added and not removed.
 */
#ifndef FS_HOLDINGS_BYTE_RANGES_H
#define FS_HOLDINGS_BYTE_RANGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BYTE_RANGES_MAX 16

struct byte_range {
	int64_t first, last; /* both included */
};

struct byte_ranges {
	size_t count;
	struct byte_range all[BYTE_RANGES_MAX]; /* in order; bytes that are in none are between any two */
};

/* The range that starts at `start`, as struct flock has it: a length of 0 is up to the end. */
struct byte_range byte_range(off_t start, off_t length);

void byte_ranges_add(struct byte_ranges *ranges, struct byte_range range);

void byte_ranges_remove(struct byte_ranges *ranges, struct byte_range range);

#endif
