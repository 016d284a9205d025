/* TLS, where hiredis was built with it (LOCKFS_TLS says so at build time). */
#ifndef BACKEND_REDIS_NET_TLS_H
#define BACKEND_REDIS_NET_TLS_H

#include <hiredis/async.h>

#include "lockfs/backend.h"

struct tls_context;

/*
 * Reads the certificates of `config` for a server called `host`. Returns 0, or a
 * negative errno and a line in `problem`; -EPROTONOSUPPORT where lockfs has no TLS.
 */
int tls_context_new(const struct backend_config *config, const char *host, struct tls_context **ret,
                    char problem[BACKEND_PROBLEM_MAX]);

/* Accepts NULL. */
void tls_context_free(struct tls_context *tls);

/* Have we a certificate to show? */
bool tls_has_certificate(const struct tls_context *tls);

/* Begins TLS on a connection that was just made. Returns 0, -ENOMEM or -EIO. */
int tls_begin(const struct tls_context *tls, redisAsyncContext *context);

/*
 * Why TLS failed just now, to be asked once whenever a connection broke: what
 * OpenSSL keeps of it would be held against another connection. `begun`: tls_begin()
 * went well on it. NULL where TLS had no part in it.
 */
const char *tls_explain(const redisAsyncContext *context, bool begun);

#endif
