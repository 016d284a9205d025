/*
 * The holdings that this mount has acquired or renews, each with all that is needed to write it anew into a server that has
 * lost it. A holding leaves when it ends; one whose lease is over is forgotten.
 */
#ifndef BACKEND_REDIS_RECLAIM_OWN_HOLDINGS_H
#define BACKEND_REDIS_RECLAIM_OWN_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/util/random_id.h"
#include "lockfs/backend.h"

struct own_holdings;

struct own_holding {
	struct lock lock;           /* as the server described it last; its texts and content belong to this module */
	int64_t ends_ns;            /* CLOCK_BOOTTIME: when the holder's belief ends; INT64_MAX: never */
	char nonce[RANDOM_ID_SIZE]; /* of the acquisition; "": not known */
	bool bound;                 /* this mount renews it */
	bool is_released;           /* its release was asked for, so it is not renewed any more */
	bool may_have_ended;        /* its release was asked for, and the answer was lost */
};

/*
 * `config` must outlive the holdings. One user's holdings are remembered up to its user_memory; `on_notice` of it gets a line
 * about a user who has more. Returns NULL if there is no memory.
 */
struct own_holdings *own_holdings_new(const struct backend_config *config);
void own_holdings_free(struct own_holdings *holdings); /* accepts NULL */

/* Adds a holding that was acquired or bound, or takes its place. One that cannot be added, for want of memory or by the limit, is not restored. */
void own_holdings_add(struct own_holdings *holdings, const struct lock *lock, const char *nonce, bool bound);

/* Finds a holding by its token; NULL: this mount has no such holding. It lives until it is removed or replaced. */
struct own_holding *own_holdings_find(struct own_holdings *holdings, uint64_t token);

/* Takes over what a reply says of a holding, if this mount has it. */
void own_holdings_update(struct own_holdings *holdings, const struct lock *lock);

/* Applies a write to the content of a holding that the server has confirmed. `offset` -1: at the end. */
void own_holdings_write(struct own_holdings *holdings, uint64_t token, off_t offset, const void *data, size_t size);

/* A release of this key was asked for, and its answer was lost: it is not known which of these holdings have ended. */
void own_holdings_doubt(struct own_holdings *holdings, const char *key, struct holding_match match);

void own_holdings_remove(struct own_holdings *holdings, uint64_t token);

/* The tokens of all holdings, to be freed. Returns their number, or -ENOMEM. */
ssize_t own_holdings_tokens(struct own_holdings *holdings, uint64_t **ret);

#endif
