/*
 * Puts into words why a connection could not be made or broke. The best source comes first: the
 * server's own error, then TLS, then hiredis.
 */
#include "backend/redis/net/break_reason.h"

#include <string.h>
#include <sys/socket.h>

#include "backend/redis/net/server_error.h"
#include "backend/redis/net/tls.h"

/* hiredis 1 does not always copy the error of the connection into the asynchronous context. */
const char *break_error_text(const redisAsyncContext *context)
{
	return context->errstr && *context->errstr ? context->errstr : context->c.errstr;
}

/* A reply that breaks the protocol was not sent by Redis. */
const char *break_describe(const redisAsyncContext *context, const struct reply_guard *guard, bool tls, bool tls_begun)
{
	const char *of_tls = tls ? tls_explain(context, tls_begun) : NULL;

	if (of_tls)
		return of_tls;
	if (guard->refused)
		return "it says what it was not asked";
	if (context->c.err == REDIS_ERR_PROTOCOL)
		return "what answers there is not Redis";
	return context->c.err ? break_error_text(context) : "the connection was closed";
}

/* A server that refuses a client sends an error and closes; a write notices the close before the error is read. */
bool break_last_words(const redisAsyncContext *context, char words[BREAK_WORDS_MAX])
{
	char line[BREAK_WORDS_MAX];
	ssize_t length = recv(context->c.fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_PEEK);

	if (length < 2 || line[0] != '-')
		return false;
	line[length] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	stpcpy(words, line + 1);
	return true;
}

/* hiredis treats an error reply to SUBSCRIBE as an error of the connection and ends it. */
bool break_is_refusal(const redisAsyncContext *context)
{
	return context->c.err == REDIS_ERR_OTHER && server_error_is_known(break_error_text(context));
}

/* A server that rejects our certificate, or wants one, often closes before its TLS alert arrives. */
const char *break_certificate_advice(const struct tls_context *tls, const char *why)
{
	if (strstr(why, "TLS"))
		return "";
	return tls_has_certificate(tls) ?
		"; over TLS: does it accept the certificate of cert=?" :
		"; if it wants a certificate of its clients, give cert= and key=";
}
