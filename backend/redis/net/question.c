/* A question is a connection that sends one command, and is closed by the reply or the first failure. */
#include "backend/redis/net/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/connection.h"

#define WORDS_MAX 4

struct question {
	struct redis_url url; /* of this server */
	struct connection *connection;
	int argc;
	const char *argv[WORDS_MAX];
	bool over; /* it was answered or dropped */
	question_answered *answered;
	void *ctx;
	void (*freed)(void *ctx);
	void *freed_ctx;
};

static void finish(struct question *question, const redisReply *reply, const char *problem)
{
	if (question->over)
		return;
	question->over = true;
	question->answered(question->ctx, reply, problem);
	connection_close(question->connection);
}

static void on_reply(redisAsyncContext *context, void *data, void *ctx)
{
	(void)context;
	if (data)
		finish(ctx, data, NULL);
}

static void on_connected(void *ctx)
{
	struct question *question = ctx;
	size_t lengths[WORDS_MAX];
	int err;

	for (int i = 0; i < question->argc; i++)
		lengths[i] = strlen(question->argv[i]);
	err = connection_send(question->connection, on_reply, question, question->argc, question->argv, lengths);
	if (err < 0)
		connection_drop(question->connection, err, strerror(-err));
}

static void on_lost(void *ctx, int status, const char *problem)
{
	(void)status;
	finish(ctx, NULL, problem);
}

static void free_question(struct question *question)
{
	redis_url_free(&question->url);
	free(question);
}

static void on_freed(void *ctx)
{
	struct question *question = ctx;
	void (*freed)(void *) = question->freed;
	void *freed_ctx = question->freed_ctx;

	free_question(question);
	freed(freed_ctx);
}

static bool copy(char **to, const char *text)
{
	return !text || (*to = strdup(text));
}

/* Makes the server's name for people. */
static bool set_name(struct redis_url *url, const char *what, const struct redis_address *address)
{
	char text[REDIS_ADDRESS_TEXT_SIZE];
	char *name;

	if (!what)
		return true;
	if (asprintf(&name, "%s %s", what, redis_address_print(address, text)) < 0)
		return false;
	free(url->name);
	url->name = name;
	return true;
}

static struct connection *make_connection(struct question *question, const struct question_form *form)
{
	const struct backend_config config = { .loop = form->loop, .timeout_ms = form->limit_ms };
	const struct connection_handlers handlers = {
		.on_connected = on_connected, .on_lost = on_lost, .on_freed = on_freed, .ctx = question,
	};

	return connection_new(&config, &question->url, form->tls, &handlers);
}

struct question *question_ask(const struct question_form *form, const struct redis_address *address,
                              question_answered *answered, void *ctx)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return NULL;
	question->url.tls = form->use_tls;
	question->argc = form->argc;
	memcpy(question->argv, form->argv, (size_t)form->argc * sizeof(form->argv[0]));
	question->answered = answered;
	question->ctx = ctx;
	question->freed = form->freed;
	question->freed_ctx = form->freed_ctx;
	if (copy(&question->url.user, form->user) && copy(&question->url.password, form->password) &&
		redis_url_aim(&question->url, address) == 0 && set_name(&question->url, form->what, address))
		question->connection = make_connection(question, form);
	if (!question->connection) {
		free_question(question);
		return NULL;
	}
	connection_hurry(question->connection);
	return question;
}

void question_drop(struct question *question)
{
	if (!question || question->over)
		return;
	question->over = true;
	connection_close(question->connection);
}
