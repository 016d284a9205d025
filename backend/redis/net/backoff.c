/* Pauses between attempts at connecting: a server that is back is found within a second. */
#include "backend/redis/net/backoff.h"

#include "backend/util/random_id.h"

#define FIRST_PAUSE_MS 20
#define LAST_PAUSE_MS 500

static uint64_t with_jitter(int64_t ms)
{
	unsigned char byte = 0;

	if (random_bytes(&byte, sizeof(byte)) < 0)
		byte = 128;
	return (uint64_t)(ms * 3 / 4 + ms * byte / 512);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->pause_ms = FIRST_PAUSE_MS;
}

uint64_t backoff_next_ms(struct backoff *backoff)
{
	uint64_t pause_ms = with_jitter(backoff->pause_ms);

	backoff->pause_ms *= 2;
	if (backoff->pause_ms > LAST_PAUSE_MS)
		backoff->pause_ms = LAST_PAUSE_MS;
	return pause_ms;
}
