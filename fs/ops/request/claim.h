/* Which caller a request comes from, and what proves that the caller is the holder of a lock. */
#ifndef FS_OPS_REQUEST_CLAIM_H
#define FS_OPS_REQUEST_CLAIM_H

#include <stdbool.h>

struct mount;
struct node;
struct request;

/* The id that the view of this node or the mount gives to claims; NULL: callers are told apart by identity. */
const char *given_id(const struct mount *mount, const struct node *node);

/*
 * Identifies the caller: sets request->caller and request->claim. Returns 0, or a negative errno if the
 * caller cannot be identified.
 */
int request_identify(struct request *request);

/* As request_identify(). Returns false after replying with the error. */
bool request_identify_or_reply(struct request *request);

/*
 * As request_identify_or_reply(), for requests that change a holding or show its secrets. A caller whose open file
 * acquired the holding, or has it bound, is its holder, even if it now runs in another session than it acquired in.
 */
bool request_identify_holder_or_reply(struct request *request);

/* Claims with the id that the view or the mount gives, if any; does not identify the caller. */
void request_claim_given_id(struct request *request);

#endif
