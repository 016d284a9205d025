/* What the scripts answer, as the words of backend.h. */
#ifndef BACKEND_REDIS_REPLY_REPLY_H
#define BACKEND_REDIS_REPLY_REPLY_H

#include <hiredis/hiredis.h>

#include "lockfs/backend.h"

/*
 * No mount is given longer to stop a holder, or to take a lock that it was handed: what asks
 * for more, as a damaged holding does, is not followed.
 */
#define GRACE_MAX_MS 5000

/*
 * The word that every answer begins with, as a status: 0, a negative errno, or
 * -EPROTO where it is no answer of ours. `reply` may be anything that came.
 */
int reply_status(const redisReply *reply);

/*
 * Reads a lock (describe() in holding.lua). Its texts are the reply's own.
 * `age_ms` is how old the answer may be: it is taken off the lease. Returns 0;
 * -ENOENT where nothing is left of the lease, with the rest read; or -EPROTO.
 */
int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret);

/*
 * Reads a lock or a directory, as the server saw it: of a lease that may be over
 * since, LEASE_MIN_MS is left. Returns as reply_lock().
 */
int reply_entry(const redisReply *reply, const char *key, int64_t age_ms, struct entry *ret);

/* The nonce of the acquisition that made this lock, which reply_lock() has read, or NULL where it cannot be undone. */
const char *reply_undoable(const redisReply *reply);

/* A page of a listing, whose texts are the reply's own. */
struct list_page {
	struct list_item *items; /* that the caller frees; NULL: there are none */
	size_t count;
	const char *cursor;      /* of the next page; "": there is none */
	size_t expected;         /* names of all pages, about */
};

/* Reads a page of list.lua or foreign_scan.lua. Returns 0, -ENOMEM or -EPROTO, and then nothing is to be freed. */
int reply_list(const redisReply *reply, struct list_page *ret);

/* Reads a step of lease_scan.lua: the directories that it found, whose texts are the reply's own. */
int reply_lease_scan(const redisReply *reply, struct list_page *ret);

/* Reads the token of what was released. Returns 0 or -EPROTO. */
int reply_token(const redisReply *reply, uint64_t *ret);

/*
 * Reads the token of what is being released, and the time in ms that its holder has: GRACE_MAX_MS
 * at most. Returns 0 or -EPROTO.
 */
int reply_revoked(const redisReply *reply, uint64_t *ret_token, int64_t *ret_ms);

/* How it stands with a key that a ticket waits for. */
struct key_look {
	int64_t left_ms; /* of the lease: -1: it never ends, -2: nobody holds the key */
	int64_t rank;    /* how many tickets are before this one; -1: the server does not know it */
	bool foreign;    /* held by a client that takes locks past lockfs */
};

/* Bytes of the order of a ticket, its NUL included. */
#define REPLY_ORDER_MAX 24

/* Reads that a ticket is queued. Returns 0 or -EPROTO. */
int reply_queued(const redisReply *reply, char order[REPLY_ORDER_MAX], struct key_look *ret,
                 bool *ret_was_alive);

/*
 * Reads what heartbeat.lua found of `count` keys, and whether the server had taken
 * this mount for alive. Returns 0 or -EPROTO, with `looks` undefined.
 */
int reply_looks(const redisReply *reply, bool *ret_was_alive, struct key_look *looks, size_t count);

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
