/* How long an acquisition is tried: the options `wait`, `interval` and `attempts` of a view. */
#ifndef FS_NAMES_PATIENCE_H
#define FS_NAMES_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define WAIT_FOREVER INT64_C(-1)
#define ATTEMPTS_MAX 1000000000
#define DEFAULT_INTERVAL_MS 1000

/* How long to try. All zero: once. */
struct patience {
	bool waits;            /* in the backend's queue */
	int64_t wait_ms;       /* with `waits`; or WAIT_FOREVER */
	int64_t interval_ms;   /* between attempts; 0: not given. With `waits`: between looks */
	unsigned int attempts; /* at the most; 0: not given */
};

static inline bool patience_any(const struct patience *patience)
{
	return patience->waits || patience->interval_ms || patience->attempts;
}

#endif
