/*
 * Reclaim: what this mount tells a server on each new connection, before any call, so that a server that has lost its data
 * gets the locks of this mount back before anybody else can acquire them.
 *
 * hello.lua tells the epoch of the data. If it is another one than before, a batch follows: directories that the mount knows,
 * holdings that have ended, and the mount's own holdings. For a grace, which hello.lua begins with each epoch, nobody acquires.
 */
#ifndef BACKEND_REDIS_RECLAIM_RECLAIM_H
#define BACKEND_REDIS_RECLAIM_RECLAIM_H

#include "backend/redis/net/connection.h"
#include "backend/redis/net/handshake.h"
#include "backend/redis/net/url.h"
#include "backend/redis/reclaim/known_dirs.h"
#include "backend/redis/reclaim/own_holdings.h"
#include "lockfs/backend.h"

struct reclaim;

/* Calls can be sent. `is_new`: in another epoch than before, so whatever was known of other mounts' locks may be wrong. */
typedef void reclaim_done(void *ctx, bool is_new);

/* A holding of this mount cannot be written anew, as another one is in its place. */
typedef void reclaim_lost(void *ctx, const char *key, uint64_t token);

/* `config`, `url` and `instance` must outlive it. Returns NULL if there is no memory. */
struct reclaim *reclaim_new(const struct backend_config *config, const struct redis_url *url, const char *instance,
                            reclaim_lost *lost, void *ctx);
void reclaim_on_done(struct reclaim *reclaim, reclaim_done *done, void *ctx); /* before reclaim_begin() */
void reclaim_free(struct reclaim *reclaim); /* accepts NULL; the memory is freed from the loop */

/*
 * Begins on a connection that is set up and not ready, with the scripts that the handshake has loaded. on_done() is called once,
 * maybe before this returns, or never if the connection is lost before. `holder_grace_ms`: the time that holders of this mount
 * have to stop.
 */
void reclaim_begin(struct reclaim *reclaim, struct connection *connection, const struct handshake *handshake,
                   int64_t holder_grace_ms);

/* The connection was lost. */
void reclaim_on_down(struct reclaim *reclaim);

/* The epoch that calls carry; "" before the first hello, and for a mount that changes nothing. */
const char *reclaim_epoch(const struct reclaim *reclaim);

/* What is left of the grace in ms by the clock of this host; 0: it is over. */
int64_t reclaim_grace_ms(const struct reclaim *reclaim);

/* Fills in the statistics of all epochs. */
void reclaim_stats(const struct reclaim *reclaim, struct backend_stats *ret);

/* A holding was acquired, bound or changed by this mount, or a lock was read. Only what this mount holds is remembered. */
void reclaim_note_acquired(struct reclaim *reclaim, const struct lock *lock, const char *nonce, bool bound);
void reclaim_note_bound(struct reclaim *reclaim, const struct lock *lock);
void reclaim_note_lock(struct reclaim *reclaim, const struct lock *lock);
void reclaim_note_write(struct reclaim *reclaim, uint64_t token, off_t offset, const void *data, size_t size);

/* Is the holding one that this mount renews, and so bound? */
bool reclaim_is_bound(const struct reclaim *reclaim, uint64_t token);

/* A holding has ended, of this mount or of another. */
void reclaim_note_ended(struct reclaim *reclaim, const char *key, uint64_t token);

/* An acquisition was undone: a ticket, or a lock that nobody was told of. */
void reclaim_note_withdrawn(struct reclaim *reclaim, const char *key, const char *nonce);

/* The release of a holding is asked for. */
void reclaim_note_release(struct reclaim *reclaim, uint64_t token);

/* The answer to a release of this key was lost. */
void reclaim_note_doubt(struct reclaim *reclaim, const char *key, struct holding_match match);

void reclaim_note_dir(struct reclaim *reclaim, const char *path, const struct dir_info *info);
void reclaim_forget_dir(struct reclaim *reclaim, const char *path);

/* Returns what is known of a directory, or NULL. It lives until the next call of this module. */
const struct dir_info *reclaim_find_dir(const struct reclaim *reclaim, const char *path);

#endif
