/*
 * An acquisition as a call of acquire.lua, and what that call answers.
 */
#ifndef BACKEND_REDIS_CALLS_ACQUIRE_CALL_H
#define BACKEND_REDIS_CALLS_ACQUIRE_CALL_H

#include "backend/redis/calls/script_call.h"

/*
 * Makes the call. The caller sets `done` and starts it. `order` is that of the ticket, "0" for a new one.
 * Returns NULL if there is no memory.
 */
struct script_call *acquire_call(struct script_calls *calls, const struct acquisition *acquisition, const char *nonce,
                          const char *order);

/* Adds the fields of a claim, of the rest of its holder, and of what a lock is like, by the names that acquire.lua and reassert.lua use. */
void acquire_call_add_claim(struct packed_table *table, const struct lock_claim *claim);
void acquire_call_add_person(struct packed_table *table, const struct lock_holder *holder);
void acquire_call_add_traits(struct packed_table *table, enum lock_mode mode, enum lock_form form, mode_t permissions);

/* Reads the lock that was acquired, or the one that is in its way. Returns as reply_lock(). */
int acquire_reply(const struct script_call *call, int status, const redisReply *reply, int64_t age_ms, struct lock *ret);

#endif
