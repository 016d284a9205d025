/*
 * Revocation: ending another's holding by force. The holder of a bound holding is stopped before the
 * lock is free: the server notifies the holder's mount (REVOKE), which confirms, and FREED tells
 * the mount that revokes. If no confirmation comes within the holder's grace, the release is forced.
 */
#ifndef BACKEND_REDIS_REVOCATION_H
#define BACKEND_REDIS_REVOCATION_H

#include "backend/redis/calls/script_call.h"

struct revocations;

/* A holding was ended by force. It must not call this module. */
typedef void revocation_ended(void *ctx, const char *key, uint64_t token);

/* `calls` must outlive it. Returns NULL if there is no memory. */
struct revocations *revocations_new(const struct backend_config *config, struct script_calls *calls, revocation_ended *ended,
                                    void *ctx);

/* release() of backend.h without a claim. */
void revocations_release(struct revocations *revocations, const char *key, struct holding_match match, backend_done *done,
                       void *ctx);

/* A FREED message arrived: this holding has ended. */
void revocations_on_freed(struct revocations *revocations, const char *key, uint64_t token);

/* Answers waiting revocations with -ESHUTDOWN. The loop calls `freed` once the memory is free. */
void revocations_close(struct revocations *revocations, void (*freed)(void *ctx), void *ctx);

/* Confirms a REVOKE: releases this holding if it is bound on this mount. The holder must have been stopped. */
void revocations_confirm(struct script_calls *calls, const char *key, uint64_t token);

#endif
