/*
 * Reads what is published: messages to one mount, and events to all mounts.
 * The formats are in lua/include/names.lua. Any client can publish on these channels, so a text
 * that no script of lockfs makes is refused with -EPROTO.
 */
#ifndef BACKEND_REDIS_REPLY_MESSAGE_H
#define BACKEND_REDIS_REPLY_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "backend/util/random_id.h"
#include "lockfs/event.h"

/* Kinds of messages to one mount, except HELD (message_parse_held_lease) and HERE (message_parse_here). names.lua says what each means. */
enum message_kind {
	MESSAGE_GRANT,
	MESSAGE_TOUCH,
	MESSAGE_ENDED,
	MESSAGE_GONE,
	MESSAGE_REVOKE,
	MESSAGE_FREED,
	MESSAGE_WHO,
};

struct message {
	enum message_kind kind;
	char nonce[RANDOM_ID_SIZE]; /* of the ticket, in a GRANT; else empty */
	uint64_t token;  /* of the holding, above 0; the number of a roll call in a WHO; 0 in a GRANT */
	const char *key; /* within the text; a valid path of a lock; the instance that asks in a WHO */
};

/* Reads a message to this mount. `text` has `size` bytes and then a NUL. Returns 0 or -EPROTO. */
int message_parse(const char *text, size_t size, struct message *ret);

/*
 * Reads an event as event.lua prints it. `text` has `size` bytes and then a NUL; the texts of the
 * event are within it. Returns 0 or -EPROTO.
 */
int message_parse_event(const char *text, size_t size, struct lock_event *ret);

/*
 * Reads a HELD message of lease_scan.lua: the event that began a lease, and the rest of that lease.
 * `text` has `size` bytes and then a NUL; the texts of the event are within it. Returns 0 or -EPROTO.
 */
int message_parse_held_lease(const char *text, size_t size, int64_t *ret_left_ms, struct lock_event *ret);

#define HERE_HOST_MAX 255
#define HERE_PLACE_MAX 1024
#define HERE_VERSION_MAX 64

/* Where another mount of the namespace is, as it says itself. The texts are within the message, and can have any bytes. */
struct mount_here {
	uint64_t number;     /* of the roll call that it answers */
	const char *host;    /* 1 to HERE_HOST_MAX bytes */
	const char *place;   /* 1 to HERE_PLACE_MAX bytes */
	const char *version; /* 1 to HERE_VERSION_MAX bytes */
};

/* Reads a HERE message. `text` has `size` bytes and then a NUL. Returns 0 or -EPROTO. */
int message_parse_here(const char *text, size_t size, struct mount_here *ret);

/* Writes a HERE message to `text`. Returns its size, or 0 if it does not fit in `room` bytes. */
size_t message_print_here(const struct mount_here *here, char *text, size_t room);

#endif
