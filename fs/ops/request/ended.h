/*
 * Requests on a holding that has ended. A caller that was once told of the end never sees the holding again, although
 * a server that lost writes may still show it: the daemon remembers the end and stops asking.
 */
#ifndef FS_OPS_REQUEST_ENDED_H
#define FS_OPS_REQUEST_ENDED_H

#include <stdbool.h>

struct entry;
struct request;

/* Does this mount know that the holding of the request has ended? Then the backend must not be asked about it. */
bool request_has_ended(const struct request *request);

/*
 * Checks whether `status` and `entry`, as answered by the backend, show the holding of the request. If the backend
 * answered that the holding is gone, this also calls request_end_holding().
 */
bool request_finds_holding(struct request *request, int status, const struct entry *entry);

/* As request_finds_holding(). Returns 0, -ESTALE if the holding has ended, or the backend's error. */
int request_check_held(struct request *request, int status, const struct entry *entry);

/* Records that the holding of the request has ended; called before the caller is told so. */
void request_end_holding(struct request *request);

/* The status for a holding that has ended: -ESTALE if the node is open, -ENOENT if the request came by a path. */
int request_ended_status(const struct request *request);

/*
 * Replies that the lock is free: with -ENOLCK through a handle. Otherwise records that the holding has ended, and
 * replies with request_ended_status().
 */
void request_reply_ended(struct request *request);

/*
 * The status for a request by a name whose lock has ended since the LOOKUP: -ESTALE, upon which the kernel looks the
 * name up again and repeats the call once; `otherwise` if this is the repetition. See stale_retry.h.
 */
int request_stale_or(struct request *request, int otherwise);

/* Replies with request_stale_or(), or with -ESTALE to a request on an open file, which the kernel never repeats. */
void request_reply_stale(struct request *request, int otherwise);

/* Refuses to refresh a holding that has ended: publishes FAILED_REFRESH and replies as request_reply_stale(). */
void request_refuse_refresh(struct request *request);

/*
 * Was the node of this missing lock found in the backend's cache, which another Redis client can make wrong? If so,
 * the cache is not used for a few seconds, as the kernel repeats the LOOKUP after -ESTALE only once.
 */
bool request_cache_was_wrong(struct request *request);

#endif
