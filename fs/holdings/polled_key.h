/*
 * Keys that waiters try to acquire again and again, by `interval=` or `attempts=`. If the
 * backend refuses one waiter, the refusal counts for all waiters of that key for the
 * least interval of the mount, so that many waiters cost no more calls than one.
 */
#ifndef FS_HOLDINGS_POLLED_KEY_H
#define FS_HOLDINGS_POLLED_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lockfs/backend.h"

struct polled_key;

struct polled_keys {
	struct polled_key *by_key;
};

/* Returns the entry of `key`, to be given back by polled_key_leave(), or NULL if there is no memory. */
struct polled_key *polled_key_join(struct polled_keys *keys, const char *key);
void polled_key_leave(struct polled_keys *keys, struct polled_key *polled);

/* `asker`, a waiter of this key, is about to ask the backend. */
void polled_key_ask(struct polled_key *polled, const void *asker);

/* `asker` was answered or gives up. */
void polled_key_answered(struct polled_key *polled, const void *asker);

/* The backend has just refused a waiter of this key, because `lock` is held. */
void polled_key_refuse(struct polled_key *polled, const struct lock *lock);

/* Was this acquisition refused less than `interval_ms` ago, by the refusal of another waiter? */
bool polled_key_refuses(const struct polled_key *polled, const struct acquisition *acquisition, int64_t interval_ms);

#endif
