/* Why a connection could not be made or broke: the words of the server, of TLS, of hiredis or our own. */
#ifndef BACKEND_REDIS_NET_BREAK_REASON_H
#define BACKEND_REDIS_NET_BREAK_REASON_H

#include <hiredis/async.h>
#include <stdbool.h>

#include "backend/redis/net/reply_guard.h"

struct tls_context;

#define BREAK_WORDS_MAX 128 /* bytes of what a server says before it hangs up, its NUL included */

/* The error that hiredis reports for this context. */
const char *break_error_text(const redisAsyncContext *context);

/* Why the connection broke, for people. `tls_begun`: tls_begin() succeeded on this context. */
const char *break_describe(const redisAsyncContext *context, const struct reply_guard *guard, bool tls, bool tls_begun);

/*
 * Reads the error that a server sent before it hung up, without its dash. Returns false if there is none.
 * It must not be called for a connection over TLS.
 */
bool break_last_words(const redisAsyncContext *context, char words[BREAK_WORDS_MAX]);

/* Is the error of the context one that the server answered? */
bool break_is_refusal(const redisAsyncContext *context);

/* What to append to `why` if a connection over TLS broke before it could be used: advice about certificates, or "". */
const char *break_certificate_advice(const struct tls_context *tls, const char *why);

#endif
