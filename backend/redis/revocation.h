/*
 * Forced releases. A lock that is bound to an open file is free only once its
 * holder was stopped, so the server asks the holder's mount first, and tells when
 * that is done; where no word comes in time, the release is asked for again, for good.
 */
#ifndef BACKEND_REDIS_REVOCATION_H
#define BACKEND_REDIS_REVOCATION_H

#include "backend/redis/calls/script_call.h"

struct revocations;

/* `calls` must outlive it. NULL where there is no memory. */
struct revocations *revocations_new(const struct backend_config *config, struct script_calls *calls);

/* release() of backend.h with no claim. */
void revocations_release(struct revocations *revocations, const char *key, struct holding_match match, backend_done *done,
                       void *ctx);

/* The server says that this holding has ended. */
void revocations_on_freed(struct revocations *revocations, const char *key, uint64_t token);

/* Answers what waits with -ESHUTDOWN. `freed` is called from the loop when the memory is gone. */
void revocations_close(struct revocations *revocations, void (*freed)(void *ctx), void *ctx);

/* Releases a holding that this mount keeps for an open file, and whose holder has been told; any other stays. */
void revocations_confirm(struct script_calls *calls, const char *key, uint64_t token);

#endif
