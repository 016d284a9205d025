/*
 * What the files of holdings share: the fields of a holding and of its renewal. holding.c
 * has the table of holdings and ends them, holding_watch.c reads them from the backend and
 * runs their timer, renewal.c renews, releases and loses those that are bound.
 */
#ifndef FS_HOLDINGS_HOLDING_INTERNAL_H
#define FS_HOLDINGS_HOLDING_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "backend/util/clock.h"
#include "backend/util/heap.h"
#include "fs/holdings/holding.h"
#include "lockfs/backend.h"

/* A lease is renewed when a third of it has passed. */
#define RENEW_PART 3

/* A time that does not come. */
#define NEVER INT64_MAX

enum holding_state {
	HOLDING_HELD,
	HOLDING_ENDED,
	HOLDING_EXPIRED, /* ended by the clock of this machine; the backend may have it still */
};

struct holding {
	struct holdings *holdings;
	uint64_t token;
	uint64_t serial;         /* unique in this daemon, because a foreign lock's token comes again */
	enum holding_state state;
	int64_t deadline_ns;     /* CLOCK_BOOTTIME at which a bound holding counts as lost, or NEVER */
	int64_t recheck_ns;      /* CLOCK_BOOTTIME at which it is read from the backend next, or NEVER */
	bool timed;              /* `due` is in the heap */
	struct heap_item due;    /* the next read, renewal or release, or the deadline: what comes first */
	bool watched;            /* an open file is polled */
	bool converting;         /* the backend is being asked to convert it */
	struct renewal *renewal; /* of a bound holding, until its release was answered; NULL: it is not bound */
	struct holding_member *members; /* open files */
	size_t bindings;                /* members that the holding is bound to */
	struct holding_follower *followers; /* without these and members it is not in the table, and lives until it is released */
	struct holding *prev, *next;    /* holdings of one token, of which the first is in the table; or ended foreign ones */
	UT_hash_handle hh;
	char key[];
};

struct renewal {
	struct holding *holding;
	int64_t ttl_ms;
	int64_t renew_ns;       /* CLOCK_BOOTTIME of the next renewal, or of the next attempt to release */
	bool renewing;          /* the backend has not answered the last refresh */
	uint64_t renewing_token; /* of the holding that it was about, which may have been converted since */
	unsigned int calls;     /* all calls that the backend has not answered */
	bool released;          /* renewal_release() was called; the release begins when no call is under way */
	int signal;
	struct signal_recipient *recipient; /* of the signal; NULL: none */
	uid_t uid;              /* the user who acquired: the renewals count for it, and the signal is sent with its rights */
	size_t counted;         /* renewals a minute, counted for `uid`; too few if its quota was full when the lease was shortened */
	int64_t pause_ms;       /* before the next attempt to release; 0: no attempt has failed */
	backend_done *done;     /* called with the result of the first attempt to release; may be NULL */
	void *ctx;
	struct renewal *prev, *next;
	struct lock_claim claim;
	char id[];
};

/* Returns the renewal of a holding that is bound to an open file and not released, or NULL. */
static inline struct renewal *holding_renewal(const struct holding *holding)
{
	return holding->renewal && !holding->renewal->released ? holding->renewal : NULL;
}

/* Is the holding known to have ended, or has its deadline passed? */
static inline bool holding_has_ended(const struct holding *holding)
{
	if (holding->state != HOLDING_HELD)
		return true;
	return holding_renewal(holding) && boot_ns() >= holding->deadline_ns;
}

/* Does this renewal still keep its holding? */
static inline bool renewal_is_bound(const struct renewal *renewal)
{
	return renewal->holding->state == HOLDING_HELD && !renewal->released;
}

/* Returns the holding `token` of `key` that has members, or NULL. */
struct holding *holding_find(const struct holdings *holdings, const char *key, uint64_t token);

/* Returns the first holding of this token, or NULL. Only a foreign token has more than one. */
struct holding *holding_find_first(const struct holdings *holdings, uint64_t token);

/*
 * Ends a holding if it has not ended, and tells its members and followers. `taken`: against the
 * holder's will, so its process is signalled. Frees a holding that has neither members nor a renewal.
 */
void holding_end(struct holding *holding, enum holding_state state, bool taken);

/* Sets the timer to what is due first. Called after each change of that. Returns 0 or -ENOMEM. */
int holding_set_timer(struct holding *holding);

/* Reads the holding for poll(2) no more. Accepts a holding that is not watched. */
void holding_unwatch(struct holding *holding);

/* Plans no read of the holding. */
void holding_cancel_recheck(struct holding *holding);

/* Has it neither open files nor followers? */
static inline bool holding_is_closed(const struct holding *holding)
{
	return !holding->members && !holding->followers;
}

/* Reads and renews the holdings that are due. */
void holdings_on_due(struct deadlines *due);

/*
 * Starts to renew the holding, which `lock` describes and `id` proves. If it is lost, `signal`
 * is sent to `recipient` (NULL: none). Returns 0, and the renewal owns the recipient; or -ENOMEM,
 * the error of the quota of renewals, or -EIO if the holding has ended or is being released: no
 * backend grants a token twice.
 */
int renewal_new(struct holding *holding, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient);

/* The holding was converted to another one, `lock`, which the renewal keeps from now on. */
void renewal_move(struct renewal *renewal, struct holding *to, const struct lock *lock);

/* The backend says that the lease is now that of `lock`. */
void renewal_adopt(struct renewal *renewal, const struct lock *lock);

/* The holding has ended: it is not renewed any more. If it was `taken`, its process is sent the signal. */
void renewal_end(struct renewal *renewal, bool taken);

/* Returns the CLOCK_BOOTTIME at which renewal_step() is to be called, or NEVER. */
int64_t renewal_due_ns(const struct renewal *renewal);

/* Renews or releases the holding, or declares it lost. May free the renewal and its holding. */
void renewal_step(struct renewal *renewal);

/* May the holding have this lease from now on? Returns 0, or the error of the quota of renewals. */
int renewal_admits(struct renewal *renewal, int64_t ttl_ms);

/* Counts the renewals of this lease in place of those counted before. Returns 0, or the error of the quota and nothing has changed. */
int renewal_quota_take(struct renewal *renewal, int64_t ttl_ms);

/* Counts no renewals any more. */
void renewal_quota_give(struct renewal *renewal);

#endif
