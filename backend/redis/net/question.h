/*
 * Asks one server one question, over a connection of its own that ends with the answer. Servers that may
 * know where the primary is are asked in this way.
 */
#ifndef BACKEND_REDIS_NET_QUESTION_H
#define BACKEND_REDIS_NET_QUESTION_H

#include <hiredis/async.h>
#include <stdint.h>
#include <uv.h>

#include "backend/redis/net/url.h"

struct question;
struct tls_context;

/* To whom a question goes, and what is common to all questions to such servers. */
struct question_form {
	uv_loop_t *loop;
	struct tls_context *tls; /* NULL: a plain connection. It must outlive the questions */
	const char *user, *password; /* for AUTH; copied, may be NULL */
	bool use_tls;            /* for the name of the server */
	const char *what;        /* what people call such a server before its address, or NULL for its URL */
	int64_t limit_ms;        /* longest time to connect, and to wait for a reply */
	int argc;                /* of the command */
	const char *const *argv; /* must outlive the question */
	void (*freed)(void *ctx); /* the question is freed */
	void *freed_ctx;
};

/*
 * The answer: a reply, which may be an error, or NULL and the reason, one line for people. Called once, from
 * the loop, unless question_drop() came first. After it the question frees itself.
 */
typedef void question_answered(void *ctx, const redisReply *reply, const char *problem);

/* Asks the server at `address`. Returns NULL if there is no memory; then neither `answered` nor freed() is called. */
struct question *question_ask(const struct question_form *form, const struct redis_address *address,
                              question_answered *answered, void *ctx);

/* Nobody wants the answer any more. Accepts NULL. */
void question_drop(struct question *question);

#endif
