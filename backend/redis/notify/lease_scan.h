/*
 * Learning of leases that began before this mount listened: all directories are gone
 * through, one step after the other, and the server tells what it finds on the
 * channel of the mount (lease_scan.lua).
 */
#ifndef BACKEND_REDIS_NOTIFY_LEASE_SCAN_H
#define BACKEND_REDIS_NOTIFY_LEASE_SCAN_H

#include "backend/redis/calls/script_call.h"

struct lease_scan;

/* NULL where there is no memory. */
struct lease_scan *lease_scan_new(struct script_calls *calls);

/* Begins at the root, also where it is not through yet. */
void lease_scan_start(struct lease_scan *lease_scan);

/* Begins anew where it failed, as the server could not be asked. */
void lease_scan_start_again(struct lease_scan *lease_scan);

/* After the call under way, no other follows. */
void lease_scan_stop(struct lease_scan *lease_scan);

/* To be called when every call was answered. Accepts NULL. */
void lease_scan_free(struct lease_scan *lease_scan);

#endif
