/*
 * Learning of leases that began before this mount listened: all directories are gone
 * through, one step after the other, and the server tells what it finds on the
 * channel of the mount (lease_scan.lua).
 */
#ifndef BACKEND_REDIS_NOTIFY_LEASE_SCAN_H
#define BACKEND_REDIS_NOTIFY_LEASE_SCAN_H

#include "backend/redis/script_call.h"

struct survey;

/* NULL where there is no memory. */
struct survey *survey_new(struct calls *calls);

/* Begins at the root, also where it is not through yet. */
void survey_start(struct survey *survey);

/* Begins anew where it failed, as the server could not be asked. */
void survey_start_again(struct survey *survey);

/* After the call under way, no other follows. */
void survey_stop(struct survey *survey);

/* To be called when every call was answered. Accepts NULL. */
void survey_free(struct survey *survey);

#endif
