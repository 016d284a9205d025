/*
 * The question behind `.status`: what the server is and which other mounts of the namespace there are. All who ask at a
 * time share one question, and the other mounts are asked at most once a second, so that one user cannot flood them.
 * Nothing is asked unless somebody wants to know.
 */
#ifndef BACKEND_REDIS_STATUS_STATUS_QUERY_H
#define BACKEND_REDIS_STATUS_STATUS_QUERY_H

#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reply/message.h"
#include "backend/redis/status/server_record.h"

struct status_query;

/* All arguments must outlive it. Returns NULL if there is no memory. */
struct status_query *status_query_new(const struct backend_config *config, const struct redis_url *url, struct script_calls *calls,
                                      const struct reclaim *reclaim);

/*
 * Asks the server, for at most the time limit of calls, and with `of_mounts` then the other mounts, for at most 300 ms. `done`
 * is called once, with 0 also if the server did not answer, or with -ENOMEM or -ESHUTDOWN.
 */
void status_query_start(struct status_query *query, bool of_mounts, backend_status_done *done, void *ctx);

/* What is known of the server now. */
const struct server_record *status_query_record(const struct status_query *query);

/* The connection for calls is up, or is down because of `problem`. */
void status_query_on_up(struct status_query *query);
void status_query_on_down(struct status_query *query, const char *problem);

/* An answer of another mount. */
void status_query_on_here(struct status_query *query, const struct mount_here *here);

/* The instance `asker` wants to know where this mount is, for its roll call `number`. */
void status_query_on_who(struct status_query *query, uint64_t number, const char *asker);

/* Fills in what is counted of the server. */
void status_query_stats(const struct status_query *query, struct backend_stats *ret);

/*
 * Answers all who wait with -ESHUTDOWN. Called before the calls are closed, which end what is under way; the loop calls `freed`
 * once the memory is free.
 */
void status_query_close(struct status_query *query, void (*freed)(void *ctx), void *ctx);

#endif
