/*
 * What keeps the locks. A backend fills in one `struct backend_ops` and embeds
 * `struct backend` as the first member of its own struct; everything it needs
 * to know stands in this folder.
 *
 * The rules that hold for every call:
 *
 * - A call returns at once and is answered exactly once, through `done`, on the
 *   thread of the loop. `done` may be called before the call returns.
 * - Each call is one atomic step for all mounts of the namespace.
 * - What the caller passes in (texts, structs, data) stays the caller's and
 *   must live, unchanged, until `done` is called. What `done` is given lives
 *   until it returns, or calls the backend again, which it may.
 * - Keys and paths have no leading or trailing slash, no empty component and no
 *   NUL; the root directory is "". The caller has checked their lengths.
 * - `status` is 0 or a negative errno. Beside those named with a call, each can
 *   end with -EHOSTDOWN (the backend cannot be reached), -ETIMEDOUT (asked, but
 *   no answer came, within `timeout_ms` or before the connection broke), -ENOMEM,
 *   -ESHUTDOWN (backend_close() was called), and where the backend refuses
 *   -EACCES, -EROFS, -ENOSPC or -EIO. None but -ETIMEDOUT and -ESHUTDOWN leaves
 *   open whether the step was taken; an acquisition whose answer was lost is
 *   undone by the backend as soon as it can, unless somebody was told meanwhile
 *   that he holds the lock.
 * - A status other than 0 changed nothing.
 * - A lock whose lease has passed does not exist: it answers like a free one.
 */
#ifndef LOCKFS_BACKEND_H
#define LOCKFS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lockfs/event.h"
#include "lockfs/lock.h"

struct uv_loop_s;
struct backend;

/* The longest line that backend_open() and `started` give as a problem. */
#define BACKEND_PROBLEM_MAX 256

#define BACKEND_NOBODY ((uid_t)-1)

struct backend_config {
	struct uv_loop_s *loop;
	const char *source;       /* `memory:`, `redis://…` */
	const char *namespace_;
	const char *password;     /* NULL: the one in `source`, if any */
	const char *cacert;       /* for TLS: files, or NULL */
	const char *cert;
	const char *key;
	bool read_only;           /* the mount changes nothing */
	bool scan;                /* list() finds locks taken past lockfs too, at whatever cost */
	int64_t timeout_ms;       /* the longest that a call may take */
	size_t user_memory;       /* what it keeps itself for each user, in bytes; beyond it -ENOSPC. 0: any amount */
	size_t user_calls;        /* of one user that are under way to a server at a time, others wait. 0: any number */

	/*
	 * Told of what happens to locks, in the order in which it happened to
	 * each key. May be called within any call, so it must call no backend
	 * function itself but listen().
	 */
	void (*on_event)(void *ctx, const struct lock_event *event);

	/* Events may have been missed: what they were listened for is to be read again. */
	void (*on_gap)(void *ctx);

	/*
	 * Told, whether listening or not, of the holdings of this mount, those that
	 * it acquired, bound or watches. `on_ended`: it has ended, other than by its lease.
	 * `taken`: by force; of one that is bound this is told before anybody else
	 * can have it, which may be as soon as this returns. `on_touched`: another
	 * mount changed something about it. `on_touched_all`: that may be so of each of
	 * them. All three may be called within any call, as on_event, but the last two
	 * may call read(). A backend over a network tells what it was told: key and token
	 * may be of no holding of this mount.
	 */
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);
	void (*on_touched)(void *ctx, uint64_t token);
	void (*on_touched_all)(void *ctx);

	/* The user for whom a call that begins is made; BACKEND_NOBODY: none that is to be bounded. NULL: none is. */
	uid_t (*asks)(void *ctx);

	/* One line that people should know, such as a backend that is lost or back. */
	void (*on_notice)(void *ctx, const char *line);

	/*
	 * One line about a call, or about what went over a network for it, for people who look for a
	 * fault. It has no secrets; its keys and names may have any bytes. NULL: nothing is traced.
	 */
	void (*on_trace)(void *ctx, const char *line);
	void *ctx;
};

/* A directory: settings that all mounts share. */
struct dir_info {
	mode_t mode; /* permission bits only */
	uid_t uid;
	gid_t gid;
	int64_t changed_ms;     /* since the epoch: the last change of its settings */
	int64_t default_ttl_ms; /* its own, else the nearest one above; LEASE_UNSET: none */
};

/* Which settings configure() changes; they can be or-ed. */
enum dir_setting {
	DIR_MODE = 1 << 0,
	DIR_UID = 1 << 1,
	DIR_GID = 1 << 2,
	DIR_DEFAULT_TTL = 1 << 3, /* LEASE_UNSET removes its own */
};

/* What a backend knows of itself and of this mount, without asking anybody. */
struct backend_stats {
	bool up;               /* it can be asked now */
	uint64_t reconnects;   /* connections made after the first */
	uint64_t under_way;    /* questions to it that are not answered */
	uint64_t round_trips;  /* those that were, */
	int64_t round_trip_ns; /* and how long all of them took */
	uint64_t waited_for;   /* keys that calls of this mount wait for */
	int64_t locks;         /* held, on all mounts; -1: it would have to ask */
};

/* How much is listened to; see `listen`. */
enum listen_extent {
	LISTEN_NOT,
	LISTEN_EVENTS, /* as they happen, and the ends of leases that one of them has told of */
	LISTEN_ALL,    /* and the ends of those that had begun before */
};

enum entry_kind { ENTRY_LOCK, ENTRY_DIR };

/* What stands at a path. */
struct entry {
	enum entry_kind kind;
	union {
		struct lock lock;
		struct dir_info dir;
	};
};

/* Is what backend_read() answered the holding named by `token`, and none before or after it? */
static inline bool entry_is_holding(int status, const struct entry *entry, uint64_t token)
{
	return status == 0 && entry->kind == ENTRY_LOCK && entry->lock.token == token;
}

/* One name in a directory. */
struct list_item {
	const char *name;
	enum entry_kind kind;
};

struct listing;

/* `problem` is NULL or one line for people, without the program's name. */
typedef void backend_started(void *ctx, int status, const char *problem);
typedef void backend_done(void *ctx, int status);
typedef void backend_lock_done(void *ctx, int status, const struct lock *lock);
typedef void backend_entry_done(void *ctx, int status, const struct entry *entry);
typedef void backend_list_done(struct listing *listing, int status, const struct list_item *items, size_t count);

/* Bytes of the place that a backend has reached in a listing, its NUL included. */
#define LISTING_CURSOR_MAX 32

/*
 * One pass over the names in a directory, a page at a time, so that nobody else waits
 * for longer than a page takes. The caller owns it, sets the first three members, and
 * keeps it until a page was the last or failed, or until backend_list_end().
 */
struct listing {
	const char *path;
	backend_list_done *done; /* of each page */
	void *ctx;

	/* Set with each page. */
	bool more;       /* another page is to be asked for */
	bool repeats;    /* a name may be told again, by the same page or a later one */
	size_t expected; /* about how many names all pages have; 0: not known */

	/* The rest belongs to the backend, and is zero at first. */
	char cursor[LISTING_CURSOR_MAX];
	void *pending;
};

/*
 * One attempt to acquire. The caller owns it and keeps it until `done`; it is
 * a struct so that it can be answered late, and be named to cancel() until
 * then. The holder may be anything that can tell its claim: a session, a
 * given id, or one open file with an id of its own.
 */
struct acquisition {
	const char *key;
	struct lock_holder holder; /* claim.id: the id of the new lock, never NULL */
	int64_t ttl_ms;            /* LEASE_UNSET: the default of the directory, */
	int64_t fallback_ttl_ms;   /* or, where none is set, this one */
	bool waits;                /* while another holds it: first come, first served over all mounts */
	bool exclusive_even_for_me; /* a lock that this claim already holds is busy for it too: it never gets -EEXIST */
	bool bound;                /* as after bind() */
	int64_t poll_ms;           /* with `waits`: poll at least this often for ends that are not notified; 0: the backend decides */
	backend_lock_done *done;
	void *ctx;
	void *pending;             /* the backend's own, while unanswered */
};

struct backend_ops {
	const char *const *schemes; /* what stands before the colon of a SOURCE it serves; NULL ends them */

	/*
	 * Makes a backend from its SOURCE without reaching out. Returns 0 and
	 * *ret, or a negative errno and one line in `problem`.
	 */
	int (*open)(const struct backend_config *config, struct backend **ret,
	            char problem[BACKEND_PROBLEM_MAX]);

	/* Reaches the backend for the first time; nothing else is called before `started` says 0. */
	void (*start)(struct backend *backend, backend_started *started, void *ctx);

	/*
	 * Ends it: every call not yet answered is answered with -ESHUTDOWN
	 * before this returns. The memory is freed by the loop's next turns.
	 */
	void (*close)(struct backend *backend);

	/*
	 * Acquires: 0 and the new lock. -EEXIST and the lock: this claim holds
	 * it already, its lease and token stay. -EBUSY and the lock: another
	 * holds it (never with `waits`). -ENOENT: its directory is not there.
	 * -ENOTDIR: a lock stands where its directory should. -EISDIR: the key is
	 * a directory. -ECANCELED: cancel() came first, and nothing was acquired.
	 *
	 * Who waits is handed the lock by the step that ends the holding before,
	 * and its lease counts from then. A wait outlives a loss of the backend
	 * that is shorter than `timeout_ms`; after that, -EHOSTDOWN.
	 */
	void (*acquire)(struct backend *backend, struct acquisition *acquisition);

	/*
	 * Asks to end an acquisition that `done` was not yet called for. It is
	 * answered soon, still exactly once: with -ECANCELED, or with what had
	 * been decided before.
	 */
	void (*cancel)(struct backend *backend, struct acquisition *acquisition);

	/*
	 * Releases a lock. `claim` NULL: whoever holds it. A holding that `match` does
	 * not mean is as absent. -ENOENT: free. -EPERM: another's. -EISDIR: a directory.
	 */
	void (*release)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                struct holding_match match, backend_done *done, void *ctx);

	/*
	 * Takes back what acquire() has just answered with, as the caller could not be told:
	 * called within its `done`. It is not answered; `key` is the caller's again when it
	 * returns. A holder who was told of this holding by anything else, on any mount
	 * (-EEXIST, refresh, bind, write, truncate, or read with the holder's claim), keeps
	 * it; so it is where the answer to an acquisition is lost, or comes after cancel().
	 */
	void (*give_back)(struct backend *backend, const char *key, uint64_t token);

	/*
	 * Starts the lease anew from now: `ttl_ms` long, or as long as before
	 * with LEASE_UNSET. `match` as in release. 0 and the lock as it is now;
	 * without it: -ENOENT: free. -EPERM: another's. -ENOTSUP: it never
	 * expires. -EINVAL: LEASE_NEVER, which only acquiring can give. -EISDIR.
	 */
	void (*refresh)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx);

	/*
	 * Binds the holding `token` to an open file of this mount, and starts its lease
	 * anew, if it has one: 0 and the lock. -ENOENT: that holding has ended, or 0 is
	 * none. -EPERM: another's.
	 */
	void (*bind)(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
	             backend_lock_done *done, void *ctx);

	/*
	 * From now on events of all mounts are told, to this extent (at the start:
	 * LISTEN_NOT). True: they are told already, and nothing was missed since.
	 * False: on_gap tells once they are. A backend of one mount may always
	 * tell all of them, with what costs something left out while nobody listens.
	 */
	bool (*listen)(struct backend *backend, enum listen_extent extent);

	/*
	 * Tells all mounts what no other call has told. EVENT_ACQUIRED: the holder has
	 * opened it again. EVENT_UNAVAILABLE: another was refused it. Both are told only
	 * while the holding that `match` means is there. EVENT_FAILED_REFRESH: a refresh
	 * was refused because the caller knows that its holding has ended. That is told in
	 * any case, and of the holding that has the key then, if any; `match` is any. It
	 * is not answered, and `key` is the caller's again when it returns.
	 */
	void (*tell)(struct backend *backend, enum lock_event_kind kind, const char *key,
	             struct holding_match match);

	/*
	 * Has on_ended tell also of this holding of another mount; answered as
	 * read(). Not that its lease ended: whoever wants to know watches it again
	 * then. NULL: on_event tells every end, also while nobody listens.
	 */
	void (*watch)(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx);

	/* Returns 0 for what a backend does not have, such as connections. */
	void (*stats)(struct backend *backend, struct backend_stats *ret);

	/*
	 * Reads, without asking the server, a lock that this mount acquired. Returns true and sets `ret`,
	 * which lives until the next call here. Another Redis client may have deleted that lock without
	 * notice, so the backend asks the server in the background, and the next answer is right.
	 * Returns false if the lock is not cached. NULL: the backend has no cache, as read() asks no server.
	 */
	bool (*read_cached)(struct backend *backend, const char *key, struct lock *ret);

	/*
	 * What stands at a path: 0 and the entry, or -ENOENT. Where the asker goes by what
	 * lock_is_held_by() says of a claim, this is the `claim`: who is told so that it holds
	 * the lock keeps it (see give_back). With any other claim, or NULL, the lock may be
	 * shown as nobody's yet.
	 */
	void (*read)(struct backend *backend, const char *key, const struct lock_claim *claim,
	             backend_entry_done *done, void *ctx);

	/*
	 * Writes content of the holding named by `token`, never 0. `offset` -1 appends;
	 * a gap is filled with zeros. -ESTALE: that holding has ended. -EFBIG:
	 * it would grow past LOCK_CONTENT_MAX; nothing is written then.
	 */
	void (*write)(struct backend *backend, const char *key, uint64_t token, off_t offset,
	              const void *data, size_t size, backend_done *done, void *ctx);

	/*
	 * Cuts or extends content, as the holder. `match` as in release. 0 and
	 * the lock as it is now; without it: -ENOENT: free. -EBUSY: another's.
	 * -EFBIG. -EISDIR.
	 */
	void (*truncate)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                 struct holding_match match, off_t size, backend_lock_done *done, void *ctx);

	/*
	 * The next page of the names in a directory, in no order. All pages together tell every
	 * name that was there all the while; of one that came or went meanwhile they may tell.
	 * Each page is one atomic step. -ENOENT; -ENOTDIR: a lock; both of the first page only.
	 */
	void (*list)(struct backend *backend, struct listing *listing);

	/* Gives up a listing that has more pages, none of which is under way. NULL: nothing is kept of one. */
	void (*list_end)(struct backend *backend, struct listing *listing);

	/*
	 * Makes a directory with the mode, uid and gid of `info`. -EEXIST: a
	 * directory or lock has this path. -ENOENT, -ENOTDIR: of its parent.
	 */
	void (*make_dir)(struct backend *backend, const char *path, const struct dir_info *info,
	                 backend_done *done, void *ctx);

	/* -ENOENT; -ENOTDIR: a lock; -ENOTEMPTY: it has locks or directories; -EBUSY: the root. */
	void (*remove_dir)(struct backend *backend, const char *path, backend_done *done, void *ctx);

	/*
	 * Changes the settings named in `which` (enum dir_setting). The root's
	 * mode, uid and gid are each mount's own, so there -EPERM. -ENOENT; -ENOTDIR.
	 */
	void (*configure_dir)(struct backend *backend, const char *path, unsigned int which,
	                      const struct dir_info *info, backend_done *done, void *ctx);
};

/* The part of every backend that others see. */
struct backend {
	const struct backend_ops *ops;
};

/*
 * Finds the backend that serves config->source and opens it; see the `open` of
 * the table. -EPROTONOSUPPORT: no backend serves it.
 */
int backend_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX]);

static inline void backend_start(struct backend *b, backend_started *started, void *ctx)
{
	b->ops->start(b, started, ctx);
}

/* Accepts NULL. */
static inline void backend_close(struct backend *b)
{
	if (b)
		b->ops->close(b);
}

static inline void backend_acquire(struct backend *b, struct acquisition *acquisition)
{
	b->ops->acquire(b, acquisition);
}

static inline void backend_cancel(struct backend *b, struct acquisition *acquisition)
{
	b->ops->cancel(b, acquisition);
}

static inline void backend_release(struct backend *b, const char *key, const struct lock_claim *claim,
                                   struct holding_match match, backend_done *done, void *ctx)
{
	b->ops->release(b, key, claim, match, done, ctx);
}

static inline void backend_give_back(struct backend *b, const char *key, uint64_t token)
{
	b->ops->give_back(b, key, token);
}

static inline void backend_refresh(struct backend *b, const char *key, const struct lock_claim *claim,
                                   struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx)
{
	b->ops->refresh(b, key, claim, match, ttl_ms, done, ctx);
}

static inline void backend_bind(struct backend *b, const char *key, const struct lock_claim *claim,
                                uint64_t token, backend_lock_done *done, void *ctx)
{
	b->ops->bind(b, key, claim, token, done, ctx);
}

static inline bool backend_listen(struct backend *b, enum listen_extent extent)
{
	return b->ops->listen(b, extent);
}

static inline void backend_tell(struct backend *b, enum lock_event_kind kind, const char *key,
                                struct holding_match match)
{
	b->ops->tell(b, kind, key, match);
}

static inline void backend_watch(struct backend *b, const char *key, uint64_t token, backend_entry_done *done,
                                 void *ctx)
{
	b->ops->watch(b, key, token, done, ctx);
}

static inline void backend_stats(struct backend *b, struct backend_stats *ret)
{
	b->ops->stats(b, ret);
}

static inline bool backend_read_cached(struct backend *b, const char *key, struct lock *ret)
{
	return b->ops->read_cached && b->ops->read_cached(b, key, ret);
}

/* Does on_event tell every end, and is it told by this process alone? See `watch` of the table. */
static inline bool backend_tells_all_ends(const struct backend *b)
{
	return !b->ops->watch;
}

static inline void backend_read(struct backend *b, const char *key, backend_entry_done *done, void *ctx)
{
	b->ops->read(b, key, NULL, done, ctx);
}

/* For one who asks whether he holds it. */
static inline void backend_read_as(struct backend *b, const char *key, const struct lock_claim *claim,
                                   backend_entry_done *done, void *ctx)
{
	b->ops->read(b, key, claim, done, ctx);
}

static inline void backend_write(struct backend *b, const char *key, uint64_t token, off_t offset,
                                 const void *data, size_t size, backend_done *done, void *ctx)
{
	b->ops->write(b, key, token, offset, data, size, done, ctx);
}

static inline void backend_truncate(struct backend *b, const char *key, const struct lock_claim *claim,
                                    struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	b->ops->truncate(b, key, claim, match, size, done, ctx);
}

static inline void backend_list(struct backend *b, struct listing *listing)
{
	b->ops->list(b, listing);
}

static inline void backend_list_end(struct backend *b, struct listing *listing)
{
	if (b->ops->list_end)
		b->ops->list_end(b, listing);
}

static inline void backend_make_dir(struct backend *b, const char *path, const struct dir_info *info,
                                    backend_done *done, void *ctx)
{
	b->ops->make_dir(b, path, info, done, ctx);
}

static inline void backend_remove_dir(struct backend *b, const char *path, backend_done *done, void *ctx)
{
	b->ops->remove_dir(b, path, done, ctx);
}

static inline void backend_configure_dir(struct backend *b, const char *path, unsigned int which,
                                         const struct dir_info *info, backend_done *done, void *ctx)
{
	b->ops->configure_dir(b, path, which, info, done, ctx);
}

#endif
