/*
 * The ends of leases. The server publishes nothing when a lease expires, so the ends are
 * computed from the events of all mounts, and the event EXPIRED is made here.
 */
#ifndef BACKEND_REDIS_NOTIFY_LEASE_EXPIRY_H
#define BACKEND_REDIS_NOTIFY_LEASE_EXPIRY_H

#include "backend/util/deadlines.h"
#include "lockfs/backend.h"

struct leased_key;

struct lease_expiry {
	struct leased_key *by_key;
	struct deadlines ends; /* one for each lease */
	void (*on_event)(void *ctx, const struct lock_event *event);
	void *ctx; /* of on_event() */
	void (*on_due)(struct lease_expiry *expiry);
};

/*
 * Events are passed on to the config's on_event. `on_due` is called when a lease seems to be over.
 * It may have been renewed, so `on_due` has to make sure that all events published until then are
 * passed to lease_expiry_tell(), and then to call lease_expiry_end(). Returns 0 or a negative
 * errno; after an error there is nothing to close.
 */
int lease_expiry_init(struct lease_expiry *expiry, const struct backend_config *config, void (*on_due)(struct lease_expiry *expiry));

/* Makes EXPIRED events of the leases that ended by this time, on CLOCK_BOOTTIME in ns. */
void lease_expiry_end(struct lease_expiry *expiry, int64_t until_ns);

/* Passes an event on and schedules the end of its lease. If it shows that other leases of the key are over, their EXPIRED come first. */
void lease_expiry_tell(struct lease_expiry *expiry, const struct lock_event *event);

/* Schedules the end of a lease whose beginning was not received; `left_ms` of it are left. */
void lease_expiry_adopt(struct lease_expiry *expiry, const struct lock_event *held, int64_t left_ms);

/* Forgets all leases, because events were missed and the state of these locks is unknown. */
void lease_expiry_forget(struct lease_expiry *expiry);

/* `closed` is called from the loop when the memory may be freed; the data of its handle is `data`. */
void lease_expiry_close(struct lease_expiry *expiry, uv_close_cb closed, void *data);

#endif
