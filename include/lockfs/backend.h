/*
 * The interface of a backend, which keeps the locks. A backend fills in one struct backend_ops and
 * embeds struct backend as the first member of its own struct. This folder has everything that is
 * needed to write one; backend/README.md says how.
 *
 * Rules for every call:
 *
 * - A call returns at once. `done` is called exactly once, on the thread of the loop, maybe before the
 *   call returns.
 * - A call is one atomic step for all mounts of the namespace.
 * - Texts, structs and data that the caller passes in stay the caller's. They must live, unchanged, until
 *   `done` is called. The arguments of `done` live until `done` returns or calls the backend; it may call
 *   the backend.
 * - Keys and paths have no leading or trailing slash, no empty component and no NUL. The root directory
 *   is "". The caller has checked their lengths.
 * - `status` is 0 or a negative errno. A call names the errnos of its own. Every call can also end with
 *     -EHOSTDOWN   the server cannot be reached;
 *     -ETIMEDOUT   the server was asked, and no reply came within `timeout_ms` or before the connection broke;
 *     -ENOMEM      this process has no memory;
 *     -ESHUTDOWN   backend_close() was called;
 *     -EACCES, -EROFS, -ENOSPC, -EIO   the server refused.
 *   After -ETIMEDOUT and -ESHUTDOWN the step may have been taken. An acquisition whose reply was lost is
 *   undone by the backend as soon as possible, unless another call has told its holder since that it holds
 *   the lock. A conversion is undone by putting the replaced holding back, with its token; or, if others share the lock
 *   by then, it ends, and on_ended() is called for the replaced token. After every other error nothing has changed.
 * - A lock whose lease is over does not exist: calls answer as for a free key.
 */
#ifndef LOCKFS_BACKEND_H
#define LOCKFS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lockfs/event.h"
#include "lockfs/lock.h"
#include "lockfs/status.h"

struct uv_loop_s;
struct backend;

/* Bytes of the longest line that backend_open() and `started` give as a problem, its NUL included. */
#define BACKEND_PROBLEM_MAX 256

/* The longest grace: 1 min. */
#define BACKEND_GRACE_MAX_MS 60000

/* The most replicas that can be waited for. */
#define BACKEND_REPLICAS_MAX 100

/* No time was given. */
#define TIME_UNSET INT64_MIN

/* No user: a call that is made for the mount itself. */
#define BACKEND_NOBODY ((uid_t)-1)

struct backend_config {
	struct uv_loop_s *loop;
	const char *source;       /* the SOURCE of the command line: `memory:`, `redis://…` */
	const char *namespace_;   /* keeps lock trees in one server apart */
	const char *password;     /* NULL: the password in `source`, if there is one */
	const char *sentinel_user;     /* of Sentinels; NULL: their default user */
	const char *sentinel_password; /* of Sentinels; NULL: they want none */
	const char *cacert;       /* TLS: file of the authorities that sign the server, or NULL */
	const char *cert;         /* TLS: file of the client's certificate, or NULL */
	const char *key;          /* TLS: file of the certificate's key, or NULL */
	const char *mountpoint;   /* shown to other mounts in their `.status`; NULL: none */
	bool read_only;           /* the mount changes nothing */
	bool strict;              /* start() refuses a server that cannot keep what the manual promises */
	bool scan;                /* list() also finds locks of other Redis clients, at any cost */
	int64_t timeout_ms;       /* the longest time that a call may take */
	int64_t grace_ms;         /* for how long nobody acquires in a server that may have lost locks, up to BACKEND_GRACE_MAX_MS */
	size_t replicas;          /* replicas that must have an acquisition or renewal before it is answered, up to BACKEND_REPLICAS_MAX */
	size_t user_memory;       /* most bytes that one user may have in this process; more: -ENOSPC. 0: no limit */
	size_t user_calls;        /* most calls of one user that are sent to a server at a time. 0: no limit */
	const char *mount_point_id; /* names the mount point and its host */
	const char *journal;      /* path of the file by which locks that are kept in this process outlive it; NULL: none */
	bool journal_is_default;  /* the user did not name that file: the mount works without it, too */

	/*
	 * An event of a lock. Events of one key come in their order. May be called within any call, so it
	 * must call no function of the backend but listen().
	 */
	void (*on_event)(void *ctx, const struct lock_event *event);

	/* Events may have been missed: what the listeners know of locks is to be read again. */
	void (*on_gap)(void *ctx);

	/*
	 * A holding that this mount acquired, bound or watches has ended, other than by expiry. `taken`: by
	 * force. If the holding is bound, this is called before anybody else can acquire the lock, which may be
	 * as soon as this returns. Called whether or not listen() was called, maybe within any call, so it must
	 * call no function of the backend but listen(). A backend over a network passes on what it received:
	 * key and token may name no holding of this mount.
	 */
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);

	/* Another mount changed a holding that this mount acquired, bound or watches. As on_ended, but it may call read(). */
	void (*on_touched)(void *ctx, uint64_t token);

	/* Every holding that this mount acquired, bound or watches may have changed. As on_touched. */
	void (*on_touched_all)(void *ctx);

	/* Returns the user whose request makes the call that begins, or BACKEND_NOBODY. NULL: `user_calls` limits nobody. */
	uid_t (*current_uid)(void *ctx);

	/* One line that people should know, such as that the server is lost or back. */
	void (*on_notice)(void *ctx, const char *line);

	/*
	 * One line about a call, or about what went over a network for it, for people who look for a
	 * fault. It has no secrets; its keys and names may have any bytes. NULL: nothing is traced.
	 */
	void (*on_trace)(void *ctx, const char *line);

	void *ctx; /* the first argument of the callbacks above */
};

/* The settings of a directory, which all mounts share. */
struct dir_info {
	mode_t mode; /* permission bits only */
	uid_t uid;
	gid_t gid;
	int64_t changed_ms;     /* time of the last change of the settings, since the epoch */
	int64_t modified_ms;    /* time that DIR_MODIFIED set; changed_ms if it was never set */
	int64_t default_ttl_ms; /* lease of new locks: of this directory, else of the nearest one above; LEASE_UNSET: none */
	uint32_t limit;         /* most locks in this directory at a time, up to DIR_LIMIT_MAX; 0: any number */
	/*
	 * Acquisitions that wait for room in this directory, on all mounts. Behind the first 1000 keys a backend may count
	 * each key once. configure_dir() ignores it.
	 */
	uint64_t waiters;
};

/* The largest limit of a directory. */
#define DIR_LIMIT_MAX 1000000

/* The settings that configure_dir() changes; they can be or-ed. */
enum dir_setting {
	DIR_MODE = 1 << 0,
	DIR_UID = 1 << 1,
	DIR_GID = 1 << 2,
	DIR_DEFAULT_TTL = 1 << 3, /* LEASE_UNSET removes the lease of this directory */
	DIR_LIMIT = 1 << 4,       /* 0 removes the limit. A lower limit ends no lock; a higher one or none serves who waits */
	DIR_MODIFIED = 1 << 5,    /* any time */
};

/* Figures that a backend knows without asking a server. */
struct backend_stats {
	bool up;               /* the server can be asked now */
	uint64_t reconnects;   /* connections made after the first */
	uint64_t under_way;    /* calls to the server that are not answered yet */
	uint64_t round_trips;  /* replies of the server since the backend was opened */
	int64_t round_trip_ns; /* sum of their latencies, in ns */
	uint64_t waiting_keys; /* keys with at least one waiter on this mount */
	int64_t locks;         /* locks held on all mounts; -1: only the server knows */
	uint64_t failovers;    /* connections to another process of the server than the one before */
	uint64_t reclaimed;    /* holdings that were taken back at a server that changed */
	uint64_t reclaim_lost; /* holdings that could not be taken back */
	int64_t grace_ns;      /* time for which acquisitions waited for others to take back theirs, in ns */
	int64_t replicas_in_sync; /* as the server said last; -1: not known */
};

/* Which events are wanted; see listen() of the table. */
enum listen_extent {
	LISTEN_NOT,    /* none */
	LISTEN_EVENTS, /* all as they happen, and the expiry of leases that one of these events began */
	LISTEN_ALL,    /* also the expiry of leases that had begun before */
};

enum entry_kind { ENTRY_LOCK, ENTRY_DIR };

/* The lock or directory at a path. */
struct entry {
	enum entry_kind kind;
	union {
		struct lock lock;
		struct dir_info dir;
	};
};

/* Does the answer of backend_read() describe the holding named by `token`? */
static inline bool entry_is_holding(int status, const struct entry *entry, uint64_t token)
{
	return status == 0 && entry->kind == ENTRY_LOCK && entry->lock.token == token;
}

/* One name in a directory. */
struct list_item {
	const char *name;
	enum entry_kind kind;
	enum lock_form form; /* of a lock */
	const struct lock *lock; /* of a lock in a detailed listing; else NULL */
};

struct listing;

/* `problem` is NULL or one line for people, without the program's name. */
typedef void backend_started(void *ctx, int status, const char *problem);
typedef void backend_done(void *ctx, int status);
typedef void backend_lock_done(void *ctx, int status, const struct lock *lock);
typedef void backend_entry_done(void *ctx, int status, const struct entry *entry);
typedef void backend_list_done(struct listing *listing, int status, const struct list_item *items, size_t count);

/* Bytes of the text that marks how far a backend has come in a listing, its NUL included. */
#define LISTING_CURSOR_MAX 32

/*
 * One pass over the names in a directory. It takes a page at a time, so that others wait no longer than
 * one page takes. The caller owns the struct, sets the first five members, and keeps it until the last
 * page, a page that failed, or backend_list_end().
 *
 * A detailed listing also tells what each lock is like, as read() does with `claim`; but content, permissions, links, the time of
 * modification and the group of the holder are not set. It fails with -EIO if the backend can no longer tell which names it has listed, as another
 * server has the locks now.
 */
struct listing {
	const char *path;
	backend_list_done *done; /* called with each page */
	void *ctx;
	bool detailed;
	const struct lock_claim *claim; /* of a detailed listing: the caller's; NULL: it does not matter who holds the locks */

	/* Set with each page. */
	bool more;       /* there are more pages */
	bool repeats;    /* a name may come more than once, on one page or several */
	size_t expected; /* rough count of the names on all pages; 0: not known */
	bool may_go_on;  /* `done` may call list() before it uses the items, so that a server is busy meanwhile; the next page comes later */
	struct dir_info dir; /* of a detailed listing: mode, uid and gid of the directory. Nothing else is set */

	/* The backend's own, zero at first. */
	char cursor[LISTING_CURSOR_MAX];
	void *pending;
};

/*
 * One attempt to acquire a lock. The caller owns the struct and keeps it until `done`, so that the attempt
 * can be answered late, and can be named to cancel() until then. Anything with a claim can be the holder: a
 * session, a given id, or one open file with an id of its own.
 *
 * A conversion (`replaces` is not 0) changes the mode of a holding: it is replaced by a new one, with a new token
 * and lease, in one step in which nobody else can acquire the lock. The content, form, permissions and holder stay: of `holder` only
 * `claim.id` is used, which must be the id of the replaced holding and proves it.
 *
 * An acquisition with a `source` is exclusive, does not wait, and begins with the content, form and permissions of the lock
 * at that key, which the claim must hold, and exclusively. Without `moves` both locks are held then, as after link(2), and
 * are linked until one of them ends. With `moves` the holding moves, as by rename(2): the new one has its holder and
 * ttl, and a new token and lease, and the one at the source ends in the same step.
 */
struct acquisition {
	const char *key;
	enum lock_mode mode;
	uint64_t replaces;         /* token of the holding that this one replaces; 0: none */
	struct lock_holder holder; /* claim.id is the id of the new lock, never NULL */
	int64_t ttl_ms;            /* lease; LEASE_UNSET: the default of the directory */
	int64_t fallback_ttl_ms;   /* lease if `ttl_ms` is LEASE_UNSET and no directory above has a default */
	bool waits;                /* wait while another holds the lock; first come, first served over all mounts */
	bool exclusive_even_for_me; /* a lock that this claim already holds is busy for it too: it never gets -EEXIST */
	mode_t permissions;        /* permission bits with which the lock begins */
	enum lock_form form;       /* as what the lock is shown; other than FORM_FILE only exclusively */
	const char *content;       /* with which the lock begins, no conversion; NULL: empty */
	size_t content_size;
	const char *source;        /* key of the lock that link(2) or rename(2) names; NULL: none. See below */
	struct holding_match source_match; /* the holding of it that is meant */
	bool moves;                /* as rename(2) */
	bool bound;                /* the new holding is bound to an open file, as by bind() */
	int64_t poll_ms;           /* with `waits`: poll this often for ends that are not notified; 0: the backend decides */
	backend_lock_done *done;
	void *ctx;
	void *pending;             /* the backend's own, until `done` is called */
};

struct backend_ops {
	const char *const *schemes; /* what a SOURCE has before its colon; NULL ends the list */

	/*
	 * Makes a backend from its SOURCE without connecting to anything. Returns 0 and *ret, or a negative
	 * errno and one line in `problem`.
	 */
	int (*open)(const struct backend_config *config, struct backend **ret,
	            char problem[BACKEND_PROBLEM_MAX]);

	/* Connects for the first time. No other call but close() is made before `started` is called with 0. */
	void (*start)(struct backend *backend, backend_started *started, void *ctx);

	/*
	 * Ends the backend: every call that is not answered yet is answered with -ESHUTDOWN before this
	 * returns. The memory is freed in later turns of the loop.
	 */
	void (*close)(struct backend *backend);

	/*
	 * The mount has been unmounted, and no other daemon is to go on with its locks. Called before close(), where that is so.
	 * NULL: the backend keeps nothing for another daemon, or keeps it in any case.
	 */
	void (*forget)(struct backend *backend);

	/*
	 * Acquires a lock. Answers:
	 *   0           and the new lock;
	 *   -EEXIST     and the lock: this claim already holds it, in any mode; its lease and token stay as they are;
	 *   -EBUSY      and the lock: another holds it in a way that excludes this acquisition, or others wait in front.
	 *               The lock is the oldest holding. Without a lock: the directory is full. Not with `waits`;
	 *   -ENOENT     the directory does not exist;
	 *   -ENOTDIR    a lock has the path of the directory;
	 *   -EISDIR     the key is a directory;
	 *   -ECANCELED  cancel() came first, and nothing was acquired.
	 * A conversion answers in addition:
	 *   0           and the new holding. The end of the replaced one is not told by on_ended() of this mount;
	 *   -ENOENT     the holding to be replaced has ended;
	 *   -EPERM      the holding has another id;
	 *   -EDEADLK    another shared holding waits for its conversion, and each would wait for the other to end;
	 *   -EINVAL     the holding has this mode already.
	 * With a source it answers in addition:
	 *   0           and the new holding. If it moved, the end of the other is not told by on_ended() of this mount;
	 *   -EEXIST     and the lock, with `moves`: this claim holds it exclusively, for the same user. Its content and permissions
	 *               are those of the source now, which has ended; lease, token and form stay as they are;
	 *   -ENOENT     the source is free, or another holding than `source_match` means;
	 *   -EPERM      another holds the source, or another Redis client does;
	 *   -EXDEV      the source is a directory;
	 *   -EBUSY      without a lock: the source is shared, or bound to an open file of another mount.
	 *
	 * Who may have a lock now: anybody, if it is free and nobody waits in front; a shared acquisition, if all holdings
	 * are shared and nobody waits in front; a conversion to shared always; a conversion to exclusive if there is
	 * no other holding. All waiters of a key are in one queue, first come, first served; shared waiters next to each
	 * other are granted together. A conversion that waits is in front of all others and keeps its holding until then.
	 *
	 * In a directory with a limit, an acquisition of a free key also needs room. If it has none, or others wait for
	 * room in front of it, it waits in one queue of the directory. Conversions, shared acquisitions of a lock that is
	 * held, and hand-overs of a key need no room, as they make no lock more.
	 *
	 * A waiter is granted the lock by the step that ends the holding before, or makes room, and its lease begins then.
	 * A wait outlives a loss of the server that is shorter than `timeout_ms`; after that, -EHOSTDOWN.
	 */
	void (*acquire)(struct backend *backend, struct acquisition *acquisition);

	/*
	 * Ends an acquisition before its `done` was called. `done` is still called exactly once, soon: with
	 * -ECANCELED, or with the answer that had been decided before.
	 */
	void (*cancel)(struct backend *backend, struct acquisition *acquisition);

	/*
	 * Releases one holding: the one that `match` means, or with any, the oldest that the claim proves. `claim` NULL:
	 * by force, whoever holds it; with any, all holdings. If no holding is the one that `match`
	 * means, the call answers as for a free key. -ENOENT: the key is free. -EPERM: another holds the lock.
	 * -EISDIR: the key is a directory.
	 */
	void (*release)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                struct holding_match match, backend_done *done, void *ctx);

	/*
	 * Undoes an acquisition whose caller could not be answered. It is called within the `done` of that
	 * acquisition, and has no answer; `key` is the caller's again when this returns. If any other answer has
	 * told the holder of this holding since, on any mount (-EEXIST, refresh, set_permissions, bind, write, truncate, or read
	 * with the holder's claim), the lock stays. A conversion ends, and the replaced holding with it. The same holds for an acquisition whose reply was lost, or
	 * came after cancel().
	 */
	void (*give_back)(struct backend *backend, const char *key, uint64_t token);

	/*
	 * Restarts the lease of one holding from now: `ttl_ms` long, or as long as before with LEASE_UNSET. `modified_ms` is shown
	 * until the next refresh; TIME_UNSET: the time of the refresh. `match` and the claim choose the holding as in release(). Answers 0 and the lock as it is now. -ENOENT: the key is free. -EPERM: another holds the
	 * lock. -ENOTSUP: the lock never expires. -EINVAL: `ttl_ms` is LEASE_NEVER, which only an acquisition
	 * can give. -EISDIR: the key is a directory.
	 */
	void (*refresh)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx);

	/*
	 * Sets the permission bits of one holding, which `match` and the claim choose as in release(). Answers 0 and the lock as
	 * it is now. -ENOENT: the key is free. -EPERM: another holds the lock, or another Redis client, whose lock has none.
	 * -EISDIR: the key is a directory.
	 */
	void (*set_permissions)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                        struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx);

	/*
	 * Binds the holding `token` to an open file of this mount, and restarts its lease if it has one.
	 * Answers 0 and the lock. -ENOENT: the holding has ended; token 0 names none. -EPERM: another holds
	 * the lock.
	 */
	void (*bind)(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
	             backend_lock_done *done, void *ctx);

	/*
	 * Sets which events of all mounts on_event gets; at the start LISTEN_NOT. Returns true if it gets them
	 * already and has missed none. Returns false if on_gap will be called once it does. A
	 * backend for one mount may always pass on all events, and leave out what costs time while nobody listens.
	 */
	bool (*listen)(struct backend *backend, enum listen_extent extent);

	/*
	 * Publishes an event to all mounts that no other call publishes:
	 *   EVENT_ACQUIRED        the holder opened its lock again; only while the holding that `match` means exists;
	 *   EVENT_UNAVAILABLE     a caller was refused the lock; only while the holding that `match` means exists.
	 *                         If `match` is any, the key is free and its directory has no room, EVENT_FULL instead;
	 *   EVENT_FAILED_REFRESH  a refresh was refused, as the caller's holding has ended; `match` is any. The event
	 *                         names the holding that has the key now, if there is one.
	 * It has no answer; `key` is the caller's again when this returns.
	 */
	void (*publish)(struct backend *backend, enum lock_event_kind kind, const char *key,
	             struct holding_match match);

	/*
	 * Asks for on_ended and on_touched about a holding of another mount. Answers as read(). Expiry is not
	 * notified: the caller watches again when the lease is over. NULL: on_event gets every end of a holding,
	 * even while nobody listens.
	 */
	void (*watch)(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx);

	/* Fills in *ret; 0 for what the backend does not have, such as connections. */
	void (*stats)(struct backend *backend, struct backend_stats *ret);

	/*
	 * Says what is true now of the server and the mounts of the namespace. Asks the server, for at most `timeout_ms`, and the other
	 * mounts, for 300 ms more. If the server does not answer, answers 0 and what is known.
	 */
	void (*status)(struct backend *backend, backend_status_done *done, void *ctx);

	/*
	 * Reads, without asking the server, a lock that this mount acquired. Returns true and sets `ret`,
	 * which lives until the next call here. Another Redis client may have deleted that lock without
	 * notice, so the backend asks the server in the background, and the next answer is right.
	 * Returns false if the lock is not cached. NULL: the backend has no cache, as read() asks no server.
	 */
	bool (*read_cached)(struct backend *backend, const char *key, struct lock *ret);

	/*
	 * Reads the lock or directory at a path. -ENOENT: there is none. Of a lock, describes the holding that `match`
	 * means; else, or with any, the oldest that the claim proves; else the oldest. `claim` is the caller's if the caller
	 * uses lock_is_held_by() on the answer: if that answer proves the claim, the lock stays even if its
	 * acquisition is undone (see give_back). With another claim, or NULL, a lock that may be undone can be
	 * shown as `granted`.
	 */
	void (*read)(struct backend *backend, const char *key, const struct lock_claim *claim,
	             struct holding_match match, backend_entry_done *done, void *ctx);

	/*
	 * Writes content of the holding `token`, never 0. `offset` -1 appends; a gap is filled with zeros.
	 * -ESTALE: the holding has ended. -EBUSY: the holding is shared. -EFBIG: the content would be longer than
	 * LOCK_CONTENT_MAX; then nothing is written.
	 */
	void (*write)(struct backend *backend, const char *key, uint64_t token, off_t offset,
	              const void *data, size_t size, backend_done *done, void *ctx);

	/*
	 * Cuts or extends content. `match` as in release(). Answers 0 and the lock as it is now. -ENOENT: the
	 * key is free. -EBUSY: another holds the lock, or it is shared. -EFBIG: as in write(). -EISDIR: the key is a directory.
	 */
	void (*truncate)(struct backend *backend, const char *key, const struct lock_claim *claim,
	                 struct holding_match match, off_t size, backend_lock_done *done, void *ctx);

	/*
	 * Reads the next page of the names in a directory, in no order. All pages together have every name
	 * that existed all the time; a name that came or went meanwhile may be missing. Each page is one atomic
	 * step. The first page can fail with -ENOENT, or with -ENOTDIR for a lock.
	 */
	void (*list)(struct backend *backend, struct listing *listing);

	/*
	 * Gives up a listing that has more pages, while none is being read. NULL: the backend keeps nothing for
	 * a listing.
	 */
	void (*list_end)(struct backend *backend, struct listing *listing);

	/*
	 * Makes a directory with the mode, uid and gid of `info`. -EEXIST: a directory or lock has this path.
	 * -ENOENT: the parent does not exist. -ENOTDIR: the parent is a lock.
	 */
	void (*make_dir)(struct backend *backend, const char *path, const struct dir_info *info,
	                 backend_done *done, void *ctx);

	/*
	 * Removes a directory. -ENOENT. -ENOTDIR: a lock has this path. -ENOTEMPTY: there are locks or directories
	 * in it. -EBUSY: it is the root.
	 */
	void (*remove_dir)(struct backend *backend, const char *path, backend_done *done, void *ctx);

	/*
	 * Changes the settings named in `which` (enum dir_setting). -EPERM: mode, uid and gid of the root, which
	 * each mount has for itself. -ENOENT. -ENOTDIR: a lock has this path.
	 */
	void (*configure_dir)(struct backend *backend, const char *path, unsigned int which,
	                      const struct dir_info *info, backend_done *done, void *ctx);
};

/* What every backend begins with. */
struct backend {
	const struct backend_ops *ops;
};

/*
 * Opens the backend that serves config->source; see open() of the table. -EPROTONOSUPPORT: no backend
 * serves it.
 */
int backend_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX]);

static inline void backend_start(struct backend *b, backend_started *started, void *ctx)
{
	b->ops->start(b, started, ctx);
}

static inline void backend_forget(struct backend *b)
{
	if (b->ops->forget)
		b->ops->forget(b);
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
                                   struct holding_match match, int64_t ttl_ms, int64_t modified_ms,
                                   backend_lock_done *done, void *ctx)
{
	b->ops->refresh(b, key, claim, match, ttl_ms, modified_ms, done, ctx);
}

static inline void backend_set_permissions(struct backend *b, const char *key, const struct lock_claim *claim,
                                           struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx)
{
	b->ops->set_permissions(b, key, claim, match, permissions, done, ctx);
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

static inline void backend_publish(struct backend *b, enum lock_event_kind kind, const char *key,
                                   struct holding_match match)
{
	b->ops->publish(b, kind, key, match);
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

static inline void backend_status(struct backend *b, backend_status_done *done, void *ctx)
{
	b->ops->status(b, done, ctx);
}

static inline bool backend_read_cached(struct backend *b, const char *key, struct lock *ret)
{
	return b->ops->read_cached && b->ops->read_cached(b, key, ret);
}

/* Does on_event get every end of a holding, even while nobody listens? See watch() of the table. */
static inline bool backend_notifies_all_ends(const struct backend *b)
{
	return !b->ops->watch;
}

static inline void backend_read(struct backend *b, const char *key, backend_entry_done *done, void *ctx)
{
	b->ops->read(b, key, NULL, match_any(), done, ctx);
}

/* Reads the holding `token` of a key, if it exists; see entry_is_holding(). */
static inline void backend_read_holding(struct backend *b, const char *key, uint64_t token, backend_entry_done *done,
                                        void *ctx)
{
	b->ops->read(b, key, NULL, match_token(token), done, ctx);
}

/* Reads for a caller that wants to know whether it holds the lock. */
static inline void backend_read_as(struct backend *b, const char *key, const struct lock_claim *claim,
                                   struct holding_match match, backend_entry_done *done, void *ctx)
{
	b->ops->read(b, key, claim, match, done, ctx);
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
