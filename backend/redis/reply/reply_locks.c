/* Reads pages of directories with what their locks are like. */
#include "backend/redis/reply/reply_locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"
#include "backend/redis/reply/reply_lock.h"

/* The elements of a lock, as answer_of() of list_locks.lua has them, and those of its details (FIELDS there). */
enum { NAME, LEFT, WAITERS, HOLDERS, GRANTED, NONCE, DETAILS };
enum { ID, TOKEN, IDENTITY, USER, HOST, PLACE, COMMAND, PID, UID, ACQUIRED, REFRESHED, TTL, FORM };

static const char *text_at(const redisReply *of, size_t element)
{
	const char *text = reply_text(of, element);

	return text ? text : "";
}

static const char *text_or_null(const redisReply *of, size_t element)
{
	const char *text = text_at(of, element);

	return *text ? text : NULL;
}

/* Returns the number at this place, or -1 if there is none. */
static int64_t count_at(const redisReply *of, size_t element)
{
	const redisReply *number = reply_element(of, element, REDIS_REPLY_INTEGER);

	return number ? number->integer : -1;
}

static struct lock_holder holder_of(const redisReply *details)
{
	return (struct lock_holder){
		.claim = { .id = text_at(details, ID), .identity = text_or_null(details, IDENTITY) },
		.user = text_at(details, USER),
		.host = text_at(details, HOST),
		.mount_point_id = text_at(details, PLACE),
		.command = text_at(details, COMMAND),
		.pid = (pid_t)reply_number(text_at(details, PID), 0),
		.uid = (uid_t)reply_number(text_at(details, UID), 0),
	};
}

/* A lock that was held when the server answered is listed even if its lease has ended since. */
static int set_lease(const redisReply *of, const char *ttl, int64_t now_ms, int64_t age_ms, struct lock *lock)
{
	const redisReply *left = reply_element(of, LEFT, REDIS_REPLY_INTEGER);

	if (!left)
		return -EPROTO;
	if (reply_set_lease(lock, left->integer, now_ms, age_ms, ttl) == 0)
		return 0;
	if (left->integer < 0)
		return -EPROTO;
	if (reply_set_lease(lock, left->integer, now_ms, 0, ttl) < 0)
		lock->ttl_ms = LEASE_MIN_MS;
	lock->remaining_ms = LEASE_MIN_MS;
	return 0;
}

/* Reads a lock except its key. Returns 0 or -EPROTO. */
static int read_lock(const redisReply *of, int64_t now_ms, int64_t age_ms, struct listed_lock *ret)
{
	const redisReply *details = reply_element(of, DETAILS, REDIS_REPLY_ARRAY);
	int64_t token = reply_number(text_at(details, TOKEN), 0);
	int64_t waiters = count_at(of, WAITERS);
	int64_t holders = count_at(of, HOLDERS);

	if (!text_or_null(details, ID) || token <= 0 || waiters < 0 || holders < 0)
		return -EPROTO;
	ret->lock = (struct lock){
		.mode = holders > 0 ? LOCK_SHARED : LOCK_EXCLUSIVE,
		.form = lock_form_of(text_or_null(details, FORM)),
		.holders = holders > 0 ? (uint64_t)holders : 1,
		.holder = holder_of(details),
		.granted = *text_at(of, GRANTED),
		.foreign = details->elements <= IDENTITY,
		.acquired_ms = reply_time(text_at(details, ACQUIRED)),
		.refreshed_ms = reply_time(text_at(details, REFRESHED)),
		.token = (uint64_t)token,
		.waiters = (uint64_t)waiters,
	};
	ret->nonce = text_or_null(of, NONCE);
	return set_lease(of, text_or_null(details, TTL), now_ms, age_ms, &ret->lock);
}

/* Bytes of all keys. */
static size_t keys_size(const redisReply *locks, const char *path)
{
	size_t size = 0;

	for (size_t i = 0; i < locks->elements; i++)
		size += strlen(path) + 1 + strlen(text_at(locks->element[i], NAME)) + 1;
	return size;
}

static int allocate(size_t dirs, size_t locks, size_t keys, struct locks_page *ret)
{
	if (dirs + locks == 0)
		return 0;
	ret->items = calloc(dirs + locks, sizeof(*ret->items));
	ret->locks = calloc(locks + 1, sizeof(*ret->locks));
	ret->keys = malloc(keys + 1);
	if (ret->items && ret->locks && ret->keys)
		return 0;
	locks_page_free(ret);
	return -ENOMEM;
}

void locks_page_free(struct locks_page *page)
{
	free(page->items);
	free(page->locks);
	free(page->keys);
	page->items = NULL;
	page->locks = NULL;
	page->keys = NULL;
}

static void add_dirs(const redisReply *dirs, struct locks_page *ret)
{
	for (size_t i = 0; i < dirs->elements; i++) {
		const char *name = reply_text(dirs, i);

		if (reply_is_name(name))
			ret->items[ret->count++] = (struct list_item){ .name = name, .kind = ENTRY_DIR };
	}
}

static void add_lock(const char *name, const char *path, char **keys, struct locks_page *ret)
{
	struct listed_lock *listed = &ret->locks[ret->lock_count++];

	listed->lock.key = *keys;
	*keys = stpcpy(stpcpy(stpcpy(*keys, path), *path ? "/" : ""), name) + 1;
	ret->items[ret->count++] = (struct list_item){
		.name = name, .kind = ENTRY_LOCK, .form = listed->lock.form, .lock = &listed->lock,
	};
}

/* Reads a page for which there is room. */
static int read_page(const redisReply *locks, const char *path, int64_t now_ms, int64_t age_ms, struct locks_page *ret)
{
	char *keys = ret->keys;

	for (size_t i = 0; i < locks->elements; i++) {
		const redisReply *of = locks->element[i];
		const char *name = text_at(of, NAME);

		if (!reply_is_name(name))
			continue;
		if (read_lock(of, now_ms, age_ms, &ret->locks[ret->lock_count]) < 0)
			return -EPROTO;
		add_lock(name, path, &keys, ret);
	}
	return 0;
}

/* Damaged settings read as 0: mode 0 and owner root let only root in. */
static uint32_t setting(const redisReply *reply, size_t element, int64_t most)
{
	int64_t number = reply_number(reply_text(reply, element), 0);

	return number >= 0 && number <= most ? (uint32_t)number : 0;
}

int reply_locks(const redisReply *reply, const char *path, int64_t age_ms, struct locks_page *ret)
{
	enum { WORD, CURSOR, DIRS, LOCKS, EXPECTED, DIR_MODE_, DIR_UID_, DIR_GID_, NOW };
	const char *cursor = reply_text(reply, CURSOR);
	const redisReply *dirs = reply_element(reply, DIRS, REDIS_REPLY_ARRAY);
	const redisReply *locks = reply_element(reply, LOCKS, REDIS_REPLY_ARRAY);
	const redisReply *expected = reply_element(reply, EXPECTED, REDIS_REPLY_INTEGER);
	const redisReply *now = reply_element(reply, NOW, REDIS_REPLY_INTEGER);
	int err;

	if (!cursor || strlen(cursor) >= LISTING_CURSOR_MAX || !dirs || !locks || !expected || expected->integer < 0 || !now ||
		now->integer < 0 || now->integer > NOW_MAX_MS)
		return -EPROTO;
	*ret = (struct locks_page){
		.cursor = cursor,
		.expected = (size_t)expected->integer,
		.dir = {
			.mode = setting(reply, DIR_MODE_, 07777),
			.uid = setting(reply, DIR_UID_, UINT32_MAX - 1),
			.gid = setting(reply, DIR_GID_, UINT32_MAX - 1),
		},
	};
	err = allocate(dirs->elements, locks->elements, keys_size(locks, path), ret);
	if (err < 0)
		return err;
	add_dirs(dirs, ret);
	err = read_page(locks, path, now->integer, age_ms, ret);
	if (err < 0)
		locks_page_free(ret);
	return err;
}
