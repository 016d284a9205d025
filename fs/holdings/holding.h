/*
 * The holdings that have open files or are followed by inotify watches. A holding is kept
 * here from the first of these to the last, and tells all of them when it ends. A holding
 * that is bound to an open file is renewed (renewal.h), and one that is polled or followed
 * is read from the backend when an event or the end of its lease says that it may be over.
 */
#ifndef FS_HOLDINGS_HOLDING_H
#define FS_HOLDINGS_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/util/deadlines.h"
#include "backend/util/quota.h"
#include "fs/holdings/event_interest.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

struct holding;
struct renewal;
struct reserve;
struct signal_recipient;

/* An open file, as its holding knows it. Embedded in struct lock_file. */
struct holding_member {
	struct holding *holding; /* NULL: the open file is a handle */
	bool bound;              /* the holding is bound to this open file */
	void (*on_ended)(struct holding_member *member); /* called once, when the holding has ended; must not leave it */
	struct holding_member *prev, *next; /* in the list of the holding */
};

/* What follows a holding to its end, without an open file. Embedded in struct inotify_watch. */
struct holding_follower {
	struct holding *holding;
	void (*on_ended)(struct holding_follower *follower); /* called when the holding has ended; must unfollow it */
	struct holding_follower *prev, *next; /* in the list of the holding */
};

struct holdings {
	struct holding *by_token;
	struct holding *ended; /* foreign holdings that ended: their key and token may name another holding by now */
	uint64_t last_serial;
	struct backend *backend;               /* set by the owner; NULL after holdings_stop() */
	struct event_interest *event_interest; /* set by the owner */
	struct deadlines due;                  /* when holdings are read, renewed or released next */
	size_t watched_count;                  /* polled holdings */
	struct renewal *renewals;              /* of all bound holdings */
	struct quota renewals_quota;           /* renewals of each user in a minute; set by the owner */
	struct reserve *reserve;               /* memory for renewals; set by the owner */
};

/* Returns 0 or a negative errno. */
int holdings_init(struct holdings *holdings, uv_loop_t *loop);

/* Stops watching and renewing, before the backend is closed. Bound holdings count as lost, and end by their leases. */
void holdings_stop(struct holdings *holdings);

/*
 * Releases all bound holdings, after the last process has closed its files, whether or
 * not the kernel sent a RELEASE for each of them. No request may wait for a lock. The
 * open files stay, because requests without a waiting caller may still be under way.
 */
void holdings_release_bound(struct holdings *holdings);

/*
 * Moves an open file from its present holding, if any, to the holding `token` of `key`.
 * Returns 0, or -ENOMEM and nothing has changed.
 */
int holding_join(struct holdings *holdings, struct holding_member *member, const char *key, uint64_t token);

/* Takes an open file out of its holding. A handle is accepted. */
void holding_leave(struct holding_member *member);

/*
 * Binds the holding `lock`, which `id` proves, to an open file: moves the file there, and renews
 * the holding. A lost holding that was bound to the file is dropped. If the new one is lost,
 * `signal` is sent to `recipient` (NULL: none). Returns 0, and the renewal owns the recipient; or
 * -ENOMEM, the error of the quota of renewals, or -EIO if the backend has granted a token again,
 * and nothing has changed.
 */
int holding_bind(struct holdings *holdings, struct holding_member *member, const struct lock *lock, const char *id, int signal,
                 struct signal_recipient *recipient);

/* The backend is asked to convert the holding that is bound to this open file. Ends with holding_convert(), or is_asked false. */
void holding_set_converting(struct holding_member *member, bool is_asked);

/* Is the backend being asked to convert this holding? */
bool holdings_converts(const struct holdings *holdings, const char *key, uint64_t token);

/*
 * The holding of this open file was converted: it is `lock` now, with another token. All its open files and followers
 * go on with it, none is told of an end. Returns 0; or -ENOMEM, or -EIO if the backend has granted a token
 * again, and nothing has changed.
 */
int holding_convert(struct holdings *holdings, struct holding_member *member, const struct lock *lock);

/*
 * The holding is bound to this open file no more; the file stays in it. Returns the renewal, for
 * renewal_release() or renewal_discard(), or NULL if the holding was not bound to this file or is bound to another one too.
 */
struct renewal *holding_unbind(struct holding_member *member);

/* Moves an open file to the holding that is bound to `other`, and binds that to it as well. It must not be bound to another one. */
void holding_share(struct holding_member *member, struct holding_member *other);

/* Is the holding bound to no other open file? */
bool holding_is_bound_once(const struct holding_member *member);

/* Is the backend being asked to convert the holding of this file? */
bool holding_is_converting(const struct holding_member *member);

/* Returns the first open file of the holding of this file, or NULL if it has none. */
struct holding_member *holding_siblings(const struct holding_member *member);

/* Ends a bound holding that is lost, also if only its deadline tells so. The file stays in it, and may be bound to another one. */
void holding_drop_lost(struct holding_member *member);

/* Returns the id that proves the holding that is bound to this open file. */
const char *holding_member_id(const struct holding_member *member);

/* Watches for the end of the holding of this open file, for poll(2). A handle is accepted. */
void holding_watch(struct holding_member *member);

/* Follows the holding `token` of `key`. Returns 0 or -ENOMEM. */
int holding_follow(struct holdings *holdings, struct holding_follower *follower, const char *key, uint64_t token);
void holding_unfollow(struct holding_follower *follower);

/* Reads the followed holding from the backend a little after `ms`, such as the rest of its lease, if not before. */
void holding_recheck_in(struct holding_follower *follower, int64_t ms);

/* Has the holding of this open file ended, by a notification or by its deadline? */
bool holding_member_has_ended(const struct holding_member *member);

/* The token of the holding of this open file; 0: it is a handle. */
uint64_t holding_member_token(const struct holding_member *member);

/* Returns the first open file of the holding `token`, or NULL. If several foreign holdings have the token, it is a file of the oldest. */
struct holding_member *holdings_members(const struct holdings *holdings, uint64_t token);

/* Ends the holding `token` of `key`, and tells its open files and followers. `taken`: against the holder's will, so its process is signalled. */
void holdings_end(struct holdings *holdings, const char *key, uint64_t token, bool taken);

/*
 * An event says that this holding has ended. Anybody who can publish on the server may
 * have sent it, so a polled or followed holding is read from the backend first. A bound
 * holding ends by on_ended of the backend or by its deadline.
 */
void holdings_doubt(struct holdings *holdings, const char *key, uint64_t token);

/* Reads this holding and its lease from the backend, if it is polled, followed or bound. */
void holdings_recheck(struct holdings *holdings, uint64_t token);

/* Reads all polled, followed and bound holdings from the backend. */
void holdings_recheck_all(struct holdings *holdings);

/* Reads all polled and bound holdings from the backend: events may have been missed. The backend reports the ends of those followed. */
void holdings_recheck_open(struct holdings *holdings);

/*
 * May a holding have this lease from now on? Returns 0, or the error of the quota of
 * renewals. A holding that is not bound here, or not known (`match` any), may have any.
 */
int holdings_admit_lease(const struct holdings *holdings, const char *key, struct holding_match match, int64_t ttl_ms);

/* The backend says that the lease of a holding is now that of `lock`. */
void holdings_adopt(struct holdings *holdings, const struct lock *lock);

/* Has this holding of this key an open file, and is it known to have ended? */
bool holdings_has_ended(const struct holdings *holdings, const char *key, uint64_t token);

/* Returns how many holdings have open files and have not ended. */
size_t holdings_count(const struct holdings *holdings);

#endif
