/*
 * The pauses between attempts at connecting: each is twice as long as the one before, up to
 * a limit, and a quarter longer or shorter by chance, so that many mounts do not come back at once.
 */
#ifndef BACKEND_REDIS_NET_BACKOFF_H
#define BACKEND_REDIS_NET_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t pause_ms; /* the next one, without the part that is left to chance */
};

/* The next pause is the shortest. Must be called before the first pause. */
void backoff_reset(struct backoff *backoff);

/* Returns the length of the pause that begins now, in ms. */
uint64_t backoff_next_ms(struct backoff *backoff);

#endif
