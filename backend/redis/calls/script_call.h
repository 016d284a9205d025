/*
 * A call of one script: its key and arguments, a deadline, and exactly one answer.
 * The caller makes it with script_call_new(), adds the arguments in the order of the script's ARGV,
 * and starts it; then the call belongs to script_calls.h and frees itself after `done`.
 */
#ifndef BACKEND_REDIS_CALLS_SCRIPT_CALL_H
#define BACKEND_REDIS_CALLS_SCRIPT_CALL_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "backend/redis/calls/packed_table.h"
#include "backend/redis/calls/user_turns.h"
#include "backend/redis/lua/scripts.h"
#include "backend/util/random_id.h"
#include "lockfs/backend.h"

#define CALL_COMMON_ARGUMENTS 3 /* of every script: namespace, path, mount (include/names.lua) */
#define CALL_ARGUMENTS_MAX 9    /* a script that needs more takes one packed table */
/*
 * A nonce: a random name of one acquisition, by which it is repeated, confirmed and undone. An id cannot be used for that, as a
 * caller may give it.
 */
#define NONCE_SIZE RANDOM_ID_SIZE
#define CALL_NUMBER_MAX 24 /* bytes of an int64_t in digits, its sign and NUL included */

struct script_calls;
struct script_call;

/*
 * Ends a call. `reply` is the server's, or NULL if there is none; then `status` is negative.
 * `age_ms` is the most that the reply can be old.
 */
typedef void script_call_done(struct script_call *call, int status, const redisReply *reply, int64_t age_ms);

struct script_call {
	script_call_done *done;
	void *ctx;       /* for the caller */
	void *owner;     /* for the caller: the struct redis_backend */
	const char *key;
	union {
		backend_done *plain;
		backend_lock_done *lock;
		backend_entry_done *entry;
	} answer;
	char nonce[NONCE_SIZE]; /* of an acquisition; else "" */
	const struct lock_holder *holder; /* of an acquisition that is no conversion: the new holder, which lives until `done`; else NULL */
	const char *source; /* of an acquisition that moves a holding: the key of that, which lives until `done`; else NULL */
	uint64_t replaces; /* of a conversion: the token of the holding that it replaces; else 0 */
	bool bound;        /* of an acquisition: for an open file, which this mount renews */
	bool undo_if_unanswered; /* if no reply comes, the acquisition is undone */
	bool of_mount;   /* made by the mount itself, not for a user: it waits for no user's turn */
	uint64_t generation; /* for the caller: of the lock cache when the call was made */
	uint64_t token;      /* for the caller: of the holding that the call is about */
	struct holding_match match; /* for the caller: as `token`, if it may be any */
	const struct dir_info *dir; /* for the caller: of a directory that is made or changed, and which settings are */
	unsigned int dir_settings;
	off_t offset;        /* for the caller: of a write, with its data */
	const void *data;
	size_t data_size;
	int64_t sent_ns; /* CLOCK_BOOTTIME; valid in `done` */
	bool refused;    /* the server answered with an error; valid in `done` */

	/* The rest belongs to the files of script_calls.h. */
	struct script_calls *calls;
	struct script_call *prev, *next;
	enum script script;
	bool sent;
	bool held; /* it has its user's turn, and is sent when calls are sent again (call_retry.c) */
	bool retried; /* it was refused and is sent again */
	unsigned int looks_again; /* how often it was postponed for a holding that may be put back (call_sending.c) */
	bool late; /* its deadline passed while it was sent again */
	uid_t uid; /* of the user for whom the call is made, or BACKEND_NOBODY */
	struct turn turn;
	int64_t deadline_ns;
	redisReply *kept_reply; /* the answer, while the call waits for replicas; else NULL (confirmation.c) */
	uint64_t question;      /* of replica_wait.h, that confirms it */
	struct script_call *unconfirmed_prev, *unconfirmed_next;
	int unsendable;    /* -E2BIG after one argument too many: the call fails when it is started; else 0 */
	int argument_count;
	const char *arguments[CALL_ARGUMENTS_MAX];
	size_t lengths[CALL_ARGUMENTS_MAX];
	char numbers[CALL_ARGUMENTS_MAX][CALL_NUMBER_MAX];
	struct packed_table table; /* bytes of script_call_add_table() */
	char lock_key[]; /* NAMESPACE:KEY */
};

/*
 * Makes a call of a script about `key`, of which it has a copy. All added texts and bytes are not copied and must
 * live until `done`. Returns NULL if there is no memory. A call with more than CALL_ARGUMENTS_MAX
 * arguments is not sent and ends with -E2BIG.
 */
struct script_call *script_call_new(struct script_calls *calls, enum script script, const char *key);
void script_call_add_text(struct script_call *call, const char *text); /* NULL: empty */
void script_call_add_bytes(struct script_call *call, const void *data, size_t size);
void script_call_add_number(struct script_call *call, int64_t number);
void script_call_add_token(struct script_call *call, uint64_t token);
void script_call_add_match(struct script_call *call, struct holding_match match);

/* Adds a table and takes over its bytes; the table is empty then. It must not have failed. A call takes one table. */
void script_call_add_table(struct script_call *call, struct packed_table *table);

/* Sends the call, or queues it until it can be sent. `done` may be called before this returns. */
void script_call_start(struct script_call *call);

#endif
