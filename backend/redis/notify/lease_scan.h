/*
 * Finds leases that began before this mount subscribed to events. It scans all directories, and the
 * server publishes what it finds to the channel of this mount, so that it is in order with later
 * messages about these leases (lease_scan.lua).
 */
#ifndef BACKEND_REDIS_NOTIFY_LEASE_SCAN_H
#define BACKEND_REDIS_NOTIFY_LEASE_SCAN_H

#include "backend/redis/calls/script_call.h"

struct lease_scan;

/* Returns NULL if there is no memory. */
struct lease_scan *lease_scan_new(struct script_calls *calls);

/* Starts at the root; a scan under way is given up. */
void lease_scan_start(struct lease_scan *lease_scan);

/* Starts again at the root if the last scan failed because the server was down. */
void lease_scan_start_again(struct lease_scan *lease_scan);

/* Gives up the scan; a call under way is still answered. */
void lease_scan_stop(struct lease_scan *lease_scan);

/* Must be called after the last call was answered. Accepts NULL. */
void lease_scan_free(struct lease_scan *lease_scan);

#endif
