/*
 * Wraps the functions by which hiredis builds replies. A function that returns NULL ends the
 * connection as if there were no memory, before hiredis sees what it would abort over.
 */
#include "backend/redis/net/reply_guard.h"

#include <string.h>
#include <strings.h>

/* hiredis 1 changed the type of the number of elements of an array. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

/* The elements of a message: a word (`message`, `subscribe` or `unsubscribe`), the channel, and the text or a number. */
enum { WORD, CHANNEL, PAYLOAD, MESSAGE_SIZE };

/* The functions of hiredis that build replies. */
static const redisReplyObjectFunctions *makers;

static bool refuse(const redisReadTask *task)
{
	struct reply_guard *guard = task->privdata;

	guard->refused = true;
	return false;
}

static bool is_answer(const redisReadTask *task)
{
	const struct reply_guard *guard = task->privdata;

	return guard->context->replies.head != NULL;
}

static bool equals(const char *text, const char *bytes, size_t size)
{
	return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

static bool equals_word(const char *word, const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING && strlen(word) == reply->len && strcasecmp(word, reply->str) == 0;
}

/* Is `word` the verb of the confirmation that is expected next? */
static bool confirms(const struct reply_guard *guard, const redisReply *word)
{
	return guard->count > 0 && equals_word(guard->expected[0].verb, word);
}

static bool is_message_word(const char *text, size_t size)
{
	return text && (equals("message", text, size) || equals("subscribe", text, size) || equals("unsubscribe", text, size));
}

/* Checks the last element of a confirmation, and expects the next confirmation from then on. */
static bool confirm(struct reply_guard *guard, const redisReadTask *task)
{
	if (task->type != REDIS_REPLY_INTEGER)
		return false;
	memmove(&guard->expected[0], &guard->expected[1], --guard->count * sizeof(guard->expected[0]));
	return true;
}

/* Checks an element of a message; `text` is NULL if the element is not text. */
static bool allow_element(const redisReadTask *task, const char *text, size_t size)
{
	struct reply_guard *guard = task->privdata;
	const redisReply *message = task->parent->obj;
	const redisReply *word;

	if (task->type != REDIS_REPLY_STRING)
		text = NULL;
	if (task->idx == WORD)
		return is_message_word(text, size);
	word = message->element[WORD];
	if (equals_word("message", word))
		return text != NULL;
	if (task->idx == CHANNEL)
		return text && confirms(guard, word) && equals(guard->expected[0].channel, text, size);
	return confirm(guard, task);
}

/*
 * A reply to a command may be anything: the command's callback judges it. Without a command under
 * way, only a message may come, or an error that ends the connection.
 */
static bool allow(const redisReadTask *task, const char *text, size_t size)
{
	if (is_answer(task) || (!task->parent && task->type == REDIS_REPLY_ERROR))
		return true;
	if (task->parent && !task->parent->parent && allow_element(task, text, size))
		return true;
	return refuse(task);
}

static void *make_string(const redisReadTask *task, char *text, size_t size)
{
	return allow(task, text, size) ? makers->createString(task, text, size) : NULL;
}

static void *make_integer(const redisReadTask *task, long long number)
{
	return allow(task, NULL, 0) ? makers->createInteger(task, number) : NULL;
}

static void *make_nil(const redisReadTask *task)
{
	return allow(task, NULL, 0) ? makers->createNil(task) : NULL;
}

static void *make_array(const redisReadTask *task, element_count count)
{
	const struct reply_guard *guard = task->privdata;
	bool is_message = !task->parent && task->type == REDIS_REPLY_ARRAY && count == MESSAGE_SIZE &&
		(guard->context->c.flags & REDIS_SUBSCRIBED);

	if (!is_answer(task) && !is_message) {
		refuse(task);
		return NULL;
	}
	return makers->createArray(task, count);
}

#if HIREDIS_MAJOR >= 1
static void *make_double(const redisReadTask *task, double number, char *text, size_t size)
{
	return allow(task, NULL, 0) ? makers->createDouble(task, number, text, size) : NULL;
}

static void *make_bool(const redisReadTask *task, int number)
{
	return allow(task, NULL, 0) ? makers->createBool(task, number) : NULL;
}
#endif

void reply_guard_attach(struct reply_guard *guard, redisAsyncContext *context)
{
	static redisReplyObjectFunctions guarded;
	redisReader *reader = context->c.reader;

	*guard = (struct reply_guard){ .context = context };
	if (!makers) {
		makers = reader->fn;
		guarded = *makers;
		guarded.createString = make_string;
		guarded.createInteger = make_integer;
		guarded.createNil = make_nil;
		guarded.createArray = make_array;
#if HIREDIS_MAJOR >= 1
		guarded.createDouble = make_double;
		guarded.createBool = make_bool;
#endif
	}
	reader->fn = &guarded;
	reader->privdata = guard;
}

bool reply_guard_expect(struct reply_guard *guard, const char *verb, const char *channel)
{
	if (guard->count == REPLY_GUARD_EXPECTED_MAX)
		return false;
	guard->expected[guard->count++] = (struct reply_guard_expected){ .verb = verb, .channel = channel };
	return true;
}
