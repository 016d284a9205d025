/* All calls of a mount, and the connection that carries them. */
#ifndef BACKEND_REDIS_CALLS_SCRIPT_CALLS_H
#define BACKEND_REDIS_CALLS_SCRIPT_CALLS_H

#include "backend/redis/calls/script_call.h"
#include "backend/redis/net/url.h"

struct tls_context;

/* What the owner of the calls is told. */
struct script_calls_handlers {
	void (*reached)(void *ctx); /* the server can be asked, for the first time or again */
	void (*lost)(void *ctx, const char *problem); /* it cannot, for now; also told of each attempt that fails */
	void (*acquired)(void *ctx, const char *key); /* an acquisition was answered, in whatever way */
	void (*freed)(void *ctx);   /* the last call, after script_calls_close() */
	void *ctx;
};

/* `mount` names this daemon among all (see include/names.lua). NULL where there is no memory. `started` is told once how the first attempt at connecting ended. */
struct script_calls *script_calls_new(const struct backend_config *config, const struct redis_url *source,
                        struct tls_context *tls, const char *mount, const struct script_calls_handlers *owner);
void script_calls_start(struct script_calls *calls, backend_started *started, void *ctx);

/*
 * Answers all with -ESHUTDOWN. What is to be undone is given one more time limit
 * for that; then `freed` is called from the loop, when the memory may go.
 */
void script_calls_close(struct script_calls *calls);

/*
 * Has the server take back an acquisition, be it a lock or a ticket: now, or as soon as
 * it can be asked. `about` is its nonce, or the token of the lock. The lock stays where
 * somebody was told since that it holds it (prove() in holding.lua).
 */
void script_calls_undo(struct script_calls *calls, const char *key, const char *about);

/* Is the server still to be asked to take back the acquisition of this nonce or token? */
bool script_calls_has_undo(const struct script_calls *calls, const char *about);

/*
 * Likewise where the server refused the acquisition. Should it refuse this as well, that is
 * the end of it: the scripts leave nothing behind that way, and callers may try again for long.
 */
void script_calls_undo_refused(struct script_calls *calls, const char *key, const char *nonce);

/* Asks at once for what was refused or lost, where the server can be asked. */
void script_calls_undo_again(struct script_calls *calls);

/* Can the server be asked, as far as is known? */
bool script_calls_are_up(const struct script_calls *calls);

/* Is the answer to an acquisition of this key under way? */
bool script_calls_is_acquiring(const struct script_calls *calls, const char *key);

/* How long this mount may need to answer the server, in ms: longer where the server is far. */
int64_t script_calls_grace_ms(const struct script_calls *calls);

/* What is asked for between true and false follows from a message of the server, and is no user's. */
void script_calls_set_in_message(struct script_calls *calls, bool hearing);

/* Fills in what concerns the connection. */
void script_calls_stats(const struct script_calls *calls, struct backend_stats *ret);

#endif
