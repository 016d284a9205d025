/*
 * Fuzz target: replies of a hostile server. Each is refused, or its values are within their
 * bounds. The input has the format of answer.h.
 */
#include <errno.h>

#include "backend/redis/net/server_error.h"
#include "backend/redis/reply/reply.h"
#include "backend/redis/reply/reply_list.h"
#include "backend/redis/reply/reply_locks.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/redis/reply/reply_wait.h"
#include "backend/redis/reply/server_info.h"
#include "tests/fuzz/answer.h"
#include "tests/fuzz/fuzz.h"

#define KEY "job"
#define AGE_MS 3
#define LOOKS_MAX 8

/* The latest time that a server is believed, in ms: the year 5138. */
#define TIME_MAX_MS INT64_C(100000000000000)

/* What each may be */

static void check_lock(const redisReply *reply)
{
	struct lock lock;
	int status = reply_lock(reply, KEY, AGE_MS, &lock);

	require(status == 0 || status == -ENOENT || status == -EPROTO, "it is a lock, or over, or neither");
	if (status == -EPROTO)
		return;
	require(strcmp(lock.key, KEY) == 0 && lock.token > 0, "a lock has key and token");
	require(lock.holder.claim.id && lock.holder.user && lock.holder.host && lock.holder.mount_point_id &&
			lock.holder.command,
		"a holder has all that is told of one");
	require(lock.holders >= 1 && (lock.mode == LOCK_SHARED || lock.holders == 1), "an exclusive lock has one holder");
	require(lock.content || !lock.content_size, "there is the content");
	require(lock.acquired_ms >= 0 && lock.acquired_ms <= TIME_MAX_MS && lock.refreshed_ms >= 0 &&
			lock.refreshed_ms <= TIME_MAX_MS,
		"its times can be shown");
	if (status < 0)
		return;
	require((lock.remaining_ms == LEASE_NEVER) == (lock.expires_ms == LEASE_NEVER), "both ends are none");
	require((lock.ttl_ms == LEASE_NEVER) == (lock.remaining_ms == LEASE_NEVER), "what never ends, never ends");
	require(lock.ttl_ms == LEASE_NEVER || (lock.ttl_ms >= LEASE_MIN_MS && lock.ttl_ms <= LEASE_MAX_MS),
		"a lease is in its bounds");
	require(lock.ttl_ms == LEASE_NEVER || (lock.remaining_ms > 0 && lock.remaining_ms <= LEASE_MAX_MS),
		"what is left of it is in its bounds");
}

static void check_entry(const redisReply *reply)
{
	struct entry entry;

	if (reply_entry(reply, KEY, AGE_MS, &entry) < 0 || entry.kind != ENTRY_DIR)
		return;
	require(entry.dir.mode <= 07777, "a mode has nothing but permissions");
	require(entry.dir.changed_ms >= 0 && entry.dir.changed_ms <= TIME_MAX_MS, "its time can be shown");
	require(entry.dir.default_ttl_ms >= LEASE_NEVER && entry.dir.default_ttl_ms <= LEASE_MAX_MS,
		"a lease is in its bounds");
	require(entry.dir.limit <= DIR_LIMIT_MAX, "a limit is in its bounds");
}

static void check_name(const char *name)
{
	require(*name && strlen(name) <= LOCK_NAME_MAX && !strchr(name, '/'), "a name can be one");
	require(strcmp(name, ".") != 0 && strcmp(name, "..") != 0, "a name is that of an entry");
}

static void check_page(const struct list_page *page)
{
	require(page->cursor && strlen(page->cursor) < LISTING_CURSOR_MAX, "a cursor has room");
	for (size_t i = 0; i < page->count; i++)
		check_name(page->items[i].name);
	free(page->items);
}

static void check_listed(const struct list_item *item)
{
	const struct lock *lock = item->lock;

	check_name(item->name);
	if (!lock)
		return;
	require(strcmp(lock->key + strlen(lock->key) - strlen(item->name), item->name) == 0, "a key ends with its name");
	require(lock->token > 0 && lock->holders > 0 && lock->holder.claim.id && *lock->holder.claim.id, "a lock has a holder");
	require(lock->ttl_ms >= LEASE_NEVER && lock->ttl_ms != 0 && lock->ttl_ms <= LEASE_MAX_MS, "a lease is in its bounds");
	require(lock->remaining_ms >= LEASE_NEVER && lock->remaining_ms != 0 && lock->remaining_ms <= LEASE_MAX_MS, "something is left of it");
}

static void check_locks(const redisReply *reply)
{
	struct locks_page page;

	if (reply_locks(reply, "dir", AGE_MS, &page) < 0)
		return;
	require(strlen(page.cursor) < LISTING_CURSOR_MAX, "a cursor has room");
	require(page.dir.mode <= 07777, "a mode has nothing but permissions");
	for (size_t i = 0; i < page.count; i++)
		check_listed(&page.items[i]);
	locks_page_free(&page);
}

static void check_lists(const redisReply *reply)
{
	struct list_page page;

	if (reply_list(reply, &page) == 0)
		check_page(&page);
	if (reply_lease_scan(reply, &page) == 0)
		check_page(&page);
}

static void check_look(const struct key_state *look)
{
	require(look->left_ms >= -2 && look->left_ms <= LEASE_MAX_MS, "what is left of a lease is in its bounds");
	require(look->rank >= -1, "a place in a queue can be one");
}

static void check_queue(const redisReply *reply)
{
	char order[REPLY_ORDER_MAX];
	struct key_state looks[LOOKS_MAX];
	bool was_alive;

	if (reply_queued(reply, order, looks, &was_alive) == 0) {
		require(strlen(order) < sizeof(order), "an order has room");
		check_look(looks);
	}
	for (size_t count = 0; count <= LOOKS_MAX; count++) {
		if (reply_key_states(reply, &was_alive, looks, count) < 0)
			continue;
		for (size_t i = 0; i < count; i++)
			check_look(&looks[i]);
	}
}

static void check_release(const redisReply *reply)
{
	uint64_t token;
	int64_t ms;

	if (reply_token(reply, &token) == 0)
		require(token > 0, "a holding has a token");
	if (reply_revoked(reply, &token, &ms) == 0)
		require(token > 0 && ms >= 0 && ms <= 60000, "nobody is given long to stop");
}

static void check_error(const char *text)
{
	char line[BACKEND_PROBLEM_MAX];
	const struct server_error *error = server_error_find(text);

	require(error && error->status < 0 && *error->advice, "a refusal is an error, with advice");
	server_error_print("redis://host:6379", text, line, sizeof(line));
	require(strncmp(line, "redis://host:6379 refuses: ", 27) == 0, "a line says who refuses");
}

static void check_server(const redisReply *reply)
{
	struct server_reply answer;
	const char *value = reply_config(reply);

	require(!value || value == reply->element[1]->str, "a setting is within the reply");
	if (reply_server(reply, &answer) < 0)
		return;
	require(answer.time_us >= 0 && answer.time_us / 1000 <= TIME_MAX_MS, "a time can be shown");
	require(answer.mounts_asked >= -1, "a number of mounts");
}

static void check_reply(const redisReply *reply)
{
	int status = reply_status(reply);

	require(status <= 0, "an answer is a status");
	if (reply->type == REDIS_REPLY_ERROR)
		check_error(reply->str);
	if (status == 0)
		check_entry(reply);
	check_lock(reply);
	check_lists(reply);
	check_locks(reply);
	check_queue(reply);
	check_release(reply);
	check_server(reply);
}

static void read_replies(const char *bytes, size_t size)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	require(reader != NULL, "there is memory");
	redisReaderFeed(reader, bytes, size);
	while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		check_reply(reply);
		freeReplyObject(reply);
		reply = NULL;
	}
	redisReaderFree(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	char *bytes = answer_of(text, &size);

	read_replies(bytes, size);
	free(bytes);
	free(text);
	return 0;
}
