/*
 * Finds out when replicas have what the server has answered (`-o replicas=N`). WAIT stops all that comes behind it on its
 * connection, so it goes over a connection of its own, and one WAIT is for all that was answered until then.
 *
 * WAIT waits for the last write of its own connection (Redis source: the client's woff, which Valkey 8.1 sets only after a
 * command that is propagated). So a short-lived key is written first, behind which all earlier writes are.
 */
#ifndef BACKEND_REDIS_CALLS_REPLICA_WAIT_H
#define BACKEND_REDIS_CALLS_REPLICA_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "backend/redis/net/connection.h"

struct replica_wait;
struct tls_context;

struct replica_wait_handlers {
	/* Enough replicas have all that was answered before replica_wait_ask() returned this number or a smaller one. */
	void (*on_confirmed)(void *ctx, uint64_t number);

	/* Returns the CLOCK_BOOTTIME in ns by which the first that asked needs its answer; 0: nobody needs one any more. */
	int64_t (*first_deadline_ns)(void *ctx);

	/* Returns the run id of the server whose answers these are; "": there is none. */
	const char *(*run_id)(void *ctx);

	void (*on_freed)(void *ctx); /* the last call, after replica_wait_close() */
	void *ctx;
};

/*
 * `config->replicas` is the number of replicas. The texts of `config` and `url`, and `url` and `tls`, must outlive it. `instance`
 * names this daemon in the server. Returns NULL if there is no memory.
 */
struct replica_wait *replica_wait_new(const struct backend_config *config, const struct redis_url *url, struct tls_context *tls,
                                      const char *instance, const struct replica_wait_handlers *handlers);
void replica_wait_close(struct replica_wait *wait);

/* The calls are at a server: connects to it, if that was not begun. */
void replica_wait_start(struct replica_wait *wait);

/* Asks about all that was answered until now. Returns the number of the question. on_confirmed() is not called before this returns. */
uint64_t replica_wait_ask(struct replica_wait *wait);

/* Prints in one line for people why the last question was not confirmed. */
void replica_wait_print_problem(const struct replica_wait *wait, char line[BACKEND_PROBLEM_MAX]);

/* The connection, for net/primary.h. */
struct connection *replica_wait_connection(const struct replica_wait *wait);

#endif
