/*
 * All calls of a mount, and the connection that carries them.
 * Calls wait while the connection is made, as long as it is likely to be up soon. A call that is not
 * answered within its time limit ends the connection, as replies come in the order of the calls.
 */
#ifndef BACKEND_REDIS_CALLS_SCRIPT_CALLS_H
#define BACKEND_REDIS_CALLS_SCRIPT_CALLS_H

#include <hiredis/async.h>

#include "backend/redis/calls/script_call.h"
#include "backend/redis/net/url.h"
#include "backend/redis/reply/server_info.h"

struct connection;
struct reclaim;
struct tls_context;

struct script_calls_handlers {
	/* The server can be called, for the first time or again. `has_new_epoch`: its data are others than before (reclaim.h). */
	void (*on_up)(void *ctx, bool has_new_epoch);
	void (*on_down)(void *ctx, const char *problem); /* the connection was lost, or an attempt failed */
	/* A call found that this holding of the mount is being revoked, as a message that was lost may have said. `done` comes after it. */
	void (*on_revoked)(void *ctx, const char *key, uint64_t token);
	void (*on_acquire_answered)(void *ctx, const char *key); /* an acquisition ended, with whatever status */
	void (*on_freed)(void *ctx); /* the last call, after script_calls_close() */
	void *ctx;
};

/*
 * `instance` names this daemon in the server (see lua/include/names.lua). `reclaim` must outlive the calls. Returns NULL if there
 * is no memory.
 */
struct script_calls *script_calls_new(const struct backend_config *config, const struct redis_url *source,
                        struct tls_context *tls, const char *instance, struct reclaim *reclaim,
                        const struct script_calls_handlers *handlers);

/*
 * Acquisitions and renewals wait from now on for the replicas that the configuration asks for, if it asks for any. Call it before
 * script_calls_start(). Returns 0 or -ENOMEM.
 */
int script_calls_use_replicas(struct script_calls *calls, struct tls_context *tls);

/* Connects. `started` is called once, with the result of the first attempt. */
void script_calls_start(struct script_calls *calls, backend_started *started, void *ctx);

/*
 * Answers all calls with -ESHUTDOWN. Acquisitions that are to be undone get one more time limit for
 * that; then the loop calls `on_freed`.
 */
void script_calls_close(struct script_calls *calls);

/*
 * Undoes an acquisition, be it a lock or a ticket, now or as soon as the server can be called.
 * `about` is the nonce of the acquisition or the token of the lock. The lock stays if somebody was
 * told in the meantime that it holds it (make_permanent() in holding.lua). `puts_back`: it is a
 * conversion, and the undo puts back what that replaced.
 */
void script_calls_undo(struct script_calls *calls, const char *key, const char *about, bool puts_back);

/*
 * Undoes an acquisition that the server refused with an error. If the server refuses the undo as
 * well, it is given up: scripts leave nothing that matters behind a refusal.
 */
void script_calls_undo_refused(struct script_calls *calls, const char *key, const char *nonce, bool puts_back);

/* Returns true if the acquisition of this nonce or token is still to be undone. */
bool script_calls_has_undo(const struct script_calls *calls, const char *about);

/* Retries at once all undos that were refused or lost, if the server can be called. */
void script_calls_undo_again(struct script_calls *calls);

/* Returns true if the connection is up, as far as is known. */
bool script_calls_are_up(const struct script_calls *calls);

/* The server's data may be of this epoch now: if it is not the one that calls carry, the server is asked, and gets back what it lacks. */
void script_calls_check_epoch(struct script_calls *calls, const char *epoch);

/* Returns true while an acquisition of this key is under way. */
bool script_calls_is_acquiring(const struct script_calls *calls, const char *key);

/* Ends the acquisition of this nonce with -EHOSTDOWN, if it waits for the end of the grace: it has not begun. */
void script_calls_end_postponed(struct script_calls *calls, const char *nonce);

/* Returns the grace of this mount in ms: 0.5 s and three round trips, GRACE_MAX_MS at most. */
int64_t script_calls_grace_ms(const struct script_calls *calls);

/* Calls started between `true` and `false` follow from a message of the server, so they are made for no user. */
void script_calls_set_in_message(struct script_calls *calls, bool in_message);

/*
 * Sends a command that is no script, such as CONFIG GET; see connection_send(). A script that is called next is answered
 * after it, or lost with it.
 */
int script_calls_send_command(struct script_calls *calls, redisCallbackFn *callback, void *ctx, int argc, const char **argv,
                              const size_t *lengths);

/* What the server said of itself when the connection was made: the section `server` of INFO. Valid once on_up() was called. */
const struct server_info *script_calls_server(const struct script_calls *calls);

/* The connection that carries the calls, for net/primary.h. */
struct connection *script_calls_connection(const struct script_calls *calls);

/* The connection that asks for replicas, which must be at the same server; NULL: there is none. */
struct connection *script_calls_second_connection(const struct script_calls *calls);

/* Fills in the statistics of the connection. */
void script_calls_stats(const struct script_calls *calls, struct backend_stats *ret);

#endif
