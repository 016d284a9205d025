/* How long and how often an acquisition is tried: the view options `wait`, `interval` and `attempts`. */
#ifndef FS_NAMES_PATIENCE_H
#define FS_NAMES_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define WAIT_FOREVER INT64_C(-1)
#define ATTEMPTS_MAX 1000000000
#define DEFAULT_INTERVAL_MS 1000 /* 1 s */

/* All zero: one attempt. */
struct patience {
	bool waits;            /* in the queue of the backend */
	int64_t wait_ms;       /* longest wait in the queue, or WAIT_FOREVER */
	int64_t interval_ms;   /* between attempts, or, if `waits` is set, between polls; 0: not given */
	unsigned int attempts; /* largest number; 0: not given */
};

/* Does this allow more than one attempt? */
static inline bool patience_any(const struct patience *patience)
{
	return patience->waits || patience->interval_ms || patience->attempts;
}

#endif
