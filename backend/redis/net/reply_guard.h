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
#define GUARD_EXPECTED_MAX 8

struct guard {
	redisAsyncContext *context;
	bool refused; /* what came, and so ended the connection */
	size_t count;
	struct guard_expected {
		const char *verb; /* `SUBSCRIBE` or `UNSUBSCRIBE` */
		const char *channel;
	} expected[GUARD_EXPECTED_MAX];
};

/* Guards a new connection. */
void guard_attach(struct guard *guard, redisAsyncContext *context);

/*
 * This is about to be sent; both words outlive the connection. False where too much is
 * not confirmed yet.
 */
bool guard_expect(struct guard *guard, const char *verb, const char *channel);

#endif
