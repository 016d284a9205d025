/* Requests on a holding that has ended: a holding that one caller was told has ended stays ended for all. */
#ifndef FS_OPS_REQUEST_ENDED_H
#define FS_OPS_REQUEST_ENDED_H

#include <stdbool.h>

struct entry;
struct request;

/* Was the end of that holding told before? Then the backend is not asked any more. */
bool request_has_ended(const struct request *request);

/*
 * Is this what the backend answered about the holding of the request: that it is there?
 * If the backend says that it is not, it is ended for good, as request_end_holding() does.
 */
bool request_finds_holding(struct request *request, int status, const struct entry *entry);

/*
 * The caller is going to be told that the holding of the request has ended. A server may
 * show it once more, as after a return to older data; it stays ended here.
 */
void request_end_holding(struct request *request);

/* Replies that the holding has ended, as the backend just said: ended_status(). */
void request_reply_ended(struct request *request);

/*
 * What is said of a holding that has ended: a descriptor of it is stale; without
 * one it was asked for by a path, where nothing is.
 */
int ended_status(const struct request *request);

/*
 * What is answered if what was asked for by a name has ended meanwhile: -ESTALE, upon which
 * the kernel repeats the call, or `otherwise` if it has done so already. See stale_retry.h.
 */
int request_stale_or(struct request *request, int otherwise);

/* Replies that; on a file handle, for which no call is repeated, -ESTALE. */
void request_reply_stale(struct request *request, int otherwise);

/* Refuses to refresh a holding whose end was told, as stale, and tells that event. */
void request_refuse_refresh(struct request *request);

/*
 * Is what is not there something that was found so? Then -ESTALE has the kernel look
 * the name up again, but once only, so that names are asked for from now on.
 */
bool request_recalled_wrongly(struct request *request);

#endif
