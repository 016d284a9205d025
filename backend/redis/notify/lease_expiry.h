/*
 * The ends of leases, which the server tells nobody of: kept from the events of
 * all mounts, and told here when they come.
 */
#ifndef BACKEND_REDIS_NOTIFY_LEASE_EXPIRY_H
#define BACKEND_REDIS_NOTIFY_LEASE_EXPIRY_H

#include "backend/util/deadlines.h"
#include "lockfs/backend.h"

struct lease;

struct lease_expiry {
	struct lease *by_key;
	struct deadlines ends;
	void (*on_event)(void *ctx, const struct lock_event *event);
	void *ctx;
	void (*on_due)(struct lease_expiry *leases);
};

/*
 * Events go on to the config's on_event. `on_due` is called when a lease seems to be over, to
 * have lease_expiry_end() called when all has been told here that the server told until then: it may
 * have been renewed. Returns 0 or a negative errno; then there is nothing to close.
 */
int lease_expiry_init(struct lease_expiry *leases, const struct backend_config *config, void (*on_due)(struct lease_expiry *leases));

/* Tells of the ends until this time, on CLOCK_BOOTTIME in ns. */
void lease_expiry_end(struct lease_expiry *leases, int64_t until_ns);

/* Tells an event, in front of it the end of a lease that it shows to be over, and keeps what it says. */
void lease_expiry_tell(struct lease_expiry *leases, const struct lock_event *event);

/* Takes in a lease that began before: so much of it is left. */
void lease_expiry_adopt(struct lease_expiry *leases, const struct lock_event *held, int64_t left_ms);

/* Forgets all: events were missed, and what became of these locks is not known. */
void lease_expiry_forget(struct lease_expiry *leases);

/* `closed` is called from the loop when the memory may go; the handle's data is `owner`. */
void lease_expiry_close(struct lease_expiry *leases, uv_close_cb closed, void *owner);

#endif
