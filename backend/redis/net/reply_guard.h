/*
 * What hiredis takes for impossible, and aborts the process over: an answer that nobody
 * waits for, or a message that is none. A server that is hostile, or not well, can say
 * anything; what is seen here ends the connection instead.
 */
#ifndef BACKEND_REDIS_NET_REPLY_GUARD_H
#define BACKEND_REDIS_NET_REPLY_GUARD_H

#include <hiredis/async.h>
#include <stdbool.h>

/* Subscriptions that are asked for, or ended, and not confirmed yet; each holds two words of its caller. */
#define REPLY_GUARD_EXPECTED_MAX 8

struct reply_guard {
	redisAsyncContext *context;
	bool refused; /* what came, and so ended the connection */
	size_t count;
	struct reply_guard_expected {
		const char *verb; /* `SUBSCRIBE` or `UNSUBSCRIBE` */
		const char *channel;
	} expected[REPLY_GUARD_EXPECTED_MAX];
};

/* Guards a new connection. */
void reply_guard_attach(struct reply_guard *guard, redisAsyncContext *context);

/*
 * This is about to be sent; both words outlive the connection. False where too much is
 * not confirmed yet.
 */
bool reply_guard_expect(struct reply_guard *guard, const char *verb, const char *channel);

#endif
