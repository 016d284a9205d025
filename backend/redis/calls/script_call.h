/*
 * Calls under way to the server: each one script with its arguments, a deadline,
 * and exactly one answer. Calls wait while the connection is made, for as long as
 * there is hope; what was asked and not answered in time ends the connection.
 */
#ifndef BACKEND_REDIS_CALLS_SCRIPT_CALL_H
#define BACKEND_REDIS_CALLS_SCRIPT_CALL_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "backend/redis/calls/packed_table.h"
#include "backend/redis/calls/user_turns.h"
#include "backend/redis/calls/user_turns.h"
#include "backend/redis/lua/scripts.h"
#include "backend/redis/lua/scripts.h"
#include "lockfs/backend.h"

#define CALL_COMMON_ARGUMENTS 3 /* of every script: namespace, path, mount (include/names.lua) */
#define CALL_ARGUMENTS_MAX 8    /* a script that needs more takes one packed table */
#define NONCE_SIZE 33 /* of the nonce of an acquisition, its NUL included */
#define CALL_NUMBER_MAX 24 /* digits, sign and NUL of an int64_t */

struct script_calls;
struct script_call;

/*
 * Ends a call: `reply` is what came, or NULL
 * with a negative `status`. `age_ms` is how old the answer may be at the most.
 */
typedef void script_call_done(struct script_call *call, int status, const redisReply *reply, int64_t age_ms);

struct script_call {
	script_call_done *done;
	void *ctx;         /* whatever the caller needs, and */
	void *owner;
	const char *key;
	union {
		backend_done *plain;
		backend_lock_done *lock;
		backend_entry_done *entry;
	} answer;
	char nonce[NONCE_SIZE]; /* of an acquisition; "" otherwise */
	const struct lock_holder *holder; /* who acquires; NULL otherwise. It stays the caller's until the call is done. */
	bool undo_if_unanswered;    /* where no answer comes, the server is asked to take it back */
	bool of_mount;          /* the mount itself has to make it, whoever else has many under way */
	uint64_t mark;
	int64_t sent_ns;   /* CLOCK_BOOTTIME, once it is done */
	bool refused;      /* once it is done: the server answered with an error */

	/* The rest belongs to the files of script_calls.h. */
	struct script_calls *calls;
	struct script_call *prev, *next;
	enum script script;
	bool sent;
	uid_t uid;         /* for whom, or BACKEND_NOBODY */
	struct turn turn;
	int64_t deadline_ns;
	int unsendable;    /* -E2BIG after one argument too many: the call fails when it is started; else 0 */
	int argument_count;
	const char *arguments[CALL_ARGUMENTS_MAX];
	size_t lengths[CALL_ARGUMENTS_MAX];
	char numbers[CALL_ARGUMENTS_MAX][CALL_NUMBER_MAX];
	struct packed_table table; /* bytes of script_call_add_table() */
	char lock_key[]; /* NAMESPACE:KEY */
};

/*
 * A call of a script about `key`, whose texts stay the caller's until it is done.
 * NULL where there is no memory. One that is given more than CALL_ARGUMENTS_MAX
 * arguments fails with -E2BIG, and is not sent.
 */
struct script_call *script_call_new(struct script_calls *calls, enum script script, const char *key);
void script_call_add_text(struct script_call *call, const char *text); /* NULL: empty */
void script_call_add_bytes(struct script_call *call, const void *data, size_t size);
void script_call_add_number(struct script_call *call, int64_t number);
void script_call_add_token(struct script_call *call, uint64_t token);
void script_call_add_match(struct script_call *call, struct holding_match match);

/* Takes over the bytes of a table that did not fail, and empties it. A second table is one argument too many. */
void script_call_add_table(struct script_call *call, struct packed_table *table);

/* Sends it, or lets it wait; it frees itself after `done`, which may come before this returns. */
void script_call_start(struct script_call *call);

#endif
