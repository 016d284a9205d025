/* Which caller a request comes from, and what proves that it is the holder of a lock. */
#ifndef FS_OPS_REQUEST_CLAIM_H
#define FS_OPS_REQUEST_CLAIM_H

#include <stdbool.h>

struct request;

/* Finds out who asks: sets `caller` and `claim`. Returns 0, or a negative errno where that cannot be told. */
int request_identify(struct request *request);

/* The same; false where it cannot be told, and then the request was replied to. */
bool request_identify_or_reply(struct request *request);

/*
 * Likewise, for what changes or tells of a holding. Whoever asks through a descriptor that has
 * acquired it, or that it is bound to, is its holder, whatever session that is by now.
 */
bool request_identify_holder_or_reply(struct request *request);

/* Sets the claim, where an id is given; looks at nobody. */
void request_claim_id(struct request *request);

#endif
