/* What is published: messages to one mount, and events. */
#ifndef BACKEND_REDIS_REPLY_MESSAGE_H
#define BACKEND_REDIS_REPLY_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lockfs/event.h"

/* What is published to the daemon of one mount, but for HELD; see names.lua. */
enum message_kind {
	MESSAGE_GRANT,
	MESSAGE_TOUCH,
	MESSAGE_ENDED,
	MESSAGE_GONE,
	MESSAGE_REVOKE,
	MESSAGE_FREED,
};

struct message {
	enum message_kind kind;
	char nonce[40];  /* of GRANT: of the ticket; else empty */
	uint64_t token;  /* of all but GRANT: of the holding, above 0 */
	const char *key; /* within the text; a path that a lock can have */
};

/*
 * Reads what was published to this mount; `text` ends with a NUL behind `size` bytes.
 * Returns 0, or -EPROTO where no script of lockfs says so: anybody can publish.
 */
int reply_message(const char *text, size_t size, struct message *ret);

/* The word for an event that is told over all mounts: any kind up to FAILED_REFRESH. */
const char *reply_event_word(enum lock_event_kind kind);

/*
 * Reads an event as event.lua makes it; `text` ends with a NUL behind `size`
 * bytes, and the event's texts are within it. Returns 0 or -EPROTO.
 */
int reply_event(const char *text, size_t size, struct lock_event *ret);

/* Reads what lease_scan.lua tells of a lease that began before: its beginning, and what is left. Likewise. */
int reply_held(const char *text, size_t size, int64_t *ret_left_ms, struct lock_event *ret);

#endif
