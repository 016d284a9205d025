/* TLS, if hiredis was built with it; then the Makefile defines LOCKFS_TLS. */
#ifndef BACKEND_REDIS_NET_TLS_H
#define BACKEND_REDIS_NET_TLS_H

#include <hiredis/async.h>

#include "lockfs/backend.h"

struct tls_context;

/*
 * Reads the certificates that `config` names. Returns 0, or a negative errno and a line in `problem`;
 * -EPROTONOSUPPORT if lockfs was built without TLS.
 */
int tls_context_new(const struct backend_config *config, struct tls_context **ret, char problem[BACKEND_PROBLEM_MAX]);

/* Frees the context. Accepts NULL. */
void tls_context_free(struct tls_context *tls);

/* Is cert= set, so that the server can verify us? */
bool tls_has_certificate(const struct tls_context *tls);

/* Begins TLS on a new connection; the server's certificate must be for `host`. Returns 0, -ENOMEM or -EIO. */
int tls_begin(const struct tls_context *tls, const char *host, redisAsyncContext *context);

/*
 * Says why TLS failed on a connection that just broke; NULL if TLS was not the reason. It must be
 * called once for each broken connection: OpenSSL's list of errors is global, and what is left in
 * it would be blamed on another connection. `begun`: tls_begin() succeeded on this one.
 */
const char *tls_explain(const redisAsyncContext *context, bool begun);

#endif
