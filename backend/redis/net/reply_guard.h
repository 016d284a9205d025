/*
 * Protects the process from a server that is hostile or broken. hiredis calls abort() for a reply
 * without a command and for a malformed message; the guard ends the connection instead.
 */
#ifndef BACKEND_REDIS_NET_REPLY_GUARD_H
#define BACKEND_REDIS_NET_REPLY_GUARD_H

#include <hiredis/async.h>
#include <stdbool.h>

/* SUBSCRIBE and UNSUBSCRIBE commands that may be unconfirmed at a time. */
#define REPLY_GUARD_EXPECTED_MAX 8

struct reply_guard {
	redisAsyncContext *context;
	bool refused; /* the guard has ended the connection */
	size_t count; /* of `expected` */
	struct reply_guard_expected {
		const char *verb; /* `SUBSCRIBE` or `UNSUBSCRIBE`, a text of the caller */
		const char *channel; /* also a text of the caller */
	} expected[REPLY_GUARD_EXPECTED_MAX];
};

/* Attaches the guard to a new connection. */
void reply_guard_attach(struct reply_guard *guard, redisAsyncContext *context);

/*
 * Expects the confirmation of a command that is about to be sent; both texts must outlive the
 * connection. Returns false if too many commands are unconfirmed.
 */
bool reply_guard_expect(struct reply_guard *guard, const char *verb, const char *channel);

#endif
