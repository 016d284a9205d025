#include "backend/redis/reply/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"

/* Digits of INT64_MAX. */
#define TOKEN_DIGITS_MAX 19

#define HELD_WORD "HELD"

/* What PTTL says of a key without an expiry, and of one that is gone. */
#define PTTL_NEVER (-1)
#define PTTL_GONE (-2)

/* No server's clock is beyond this: the year 5138. */
#define NOW_MAX_MS INT64_C(100000000000000)

static const struct {
	const char *word;
	int status;
} words[] = {
	{ "OK", 0 },
	{ "DIR", 0 },
	{ "EEXIST", -EEXIST },
	{ "EBUSY", -EBUSY },
	{ "ENOENT", -ENOENT },
	{ "EPERM", -EPERM },
	{ "EISDIR", -EISDIR },
	{ "ENOTDIR", -ENOTDIR },
	{ "ENOTEMPTY", -ENOTEMPTY },
	{ "ENOTSUP", -ENOTSUP },
	{ "EINVAL", -EINVAL },
	{ "ESTALE", -ESTALE },
	{ "EFBIG", -EFBIG },
	{ "EAGAIN", -EAGAIN },
	{ "QUEUED", -EINPROGRESS },
};

static const redisReply *element(const redisReply *reply, size_t index, int type)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || index >= reply->elements)
		return NULL;
	return reply->element[index]->type == type ? reply->element[index] : NULL;
}

static const char *text_at(const redisReply *reply, size_t index)
{
	const redisReply *text = element(reply, index, REDIS_REPLY_STRING);

	return text ? text->str : NULL;
}

/* A number written as text; `fallback` where it is none. */
static int64_t number_of(const char *text, int64_t fallback)
{
	char *end;
	long long number;

	if (!text || !*text)
		return fallback;
	errno = 0;
	number = strtoll(text, &end, 10);
	return *end || errno ? fallback : (int64_t)number;
}

/* A number from 0 on; 0 where the text is none. */
static int64_t number_up_to(const char *text, int64_t most)
{
	int64_t number = number_of(text, 0);

	return number >= 0 && number <= most ? number : 0;
}

int reply_status(const redisReply *reply)
{
	const char *word = text_at(reply, 0);

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].status;
	return -EPROTO;
}

/* Details of a lock: fields and values in turn. */

static const redisReply *detail(const redisReply *details, const char *field)
{
	for (size_t i = 0; i + 1 < details->elements; i += 2) {
		const char *name = text_at(details, i);

		if (name && strcmp(name, field) == 0)
			return element(details, i + 1, REDIS_REPLY_STRING);
	}
	return NULL;
}

static const char *detail_text(const redisReply *details, const char *field, const char *fallback)
{
	const redisReply *value = detail(details, field);

	return value ? value->str : fallback;
}

static int64_t detail_number(const redisReply *details, const char *field, int64_t fallback)
{
	return number_of(detail_text(details, field, NULL), fallback);
}

static struct lock_holder holder_of(const redisReply *details, const char *id)
{
	return (struct lock_holder){
		.claim = { .id = id, .identity = detail_text(details, "identity", NULL) },
		.user = detail_text(details, "user", ""),
		.host = detail_text(details, "host", ""),
		.mount_point_id = detail_text(details, "place", ""),
		.command = detail_text(details, "command", ""),
		.pid = (pid_t)detail_number(details, "pid", 0),
		.uid = (uid_t)detail_number(details, "uid", 0),
		.gid = (gid_t)detail_number(details, "gid", 0),
	};
}

/* A lease that ends; 0 where it is none. */
static int64_t lease_of(const char *text)
{
	int64_t ms = number_of(text, 0);

	return ms >= LEASE_MIN_MS && ms <= LEASE_MAX_MS ? ms : 0;
}

/* A time since the epoch in ms; 0 where it is none. */
static int64_t time_of(const char *text)
{
	int64_t ms = number_of(text, 0);

	return ms >= 0 && ms <= NOW_MAX_MS ? ms : 0;
}

/* Another client may have asked for more than we do. */
static int64_t at_most(int64_t ms, int64_t most)
{
	return ms < most ? ms : most;
}

/* What is left of a lease for sure, now that the answer is so old; false where nothing is. */
static bool age_lease(struct lock *lock, int64_t pttl_ms, int64_t now_ms, int64_t age_ms)
{
	lock->remaining_ms = LEASE_NEVER;
	lock->expires_ms = LEASE_NEVER;
	if (pttl_ms == PTTL_NEVER)
		return true;
	if (pttl_ms < 0)
		return false;
	pttl_ms = at_most(pttl_ms, LEASE_MAX_MS);
	lock->expires_ms = now_ms + pttl_ms;
	lock->remaining_ms = pttl_ms - age_ms;
	return lock->remaining_ms > 0;
}

int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret)
{
	enum { WORD, ID, PTTL, NOW, TOKEN, DETAILS, WAITERS };
	const char *id = text_at(reply, ID);
	const redisReply *pttl = element(reply, PTTL, REDIS_REPLY_INTEGER);
	const redisReply *now = element(reply, NOW, REDIS_REPLY_INTEGER);
	int64_t token = number_of(text_at(reply, TOKEN), 0);
	const redisReply *details = element(reply, DETAILS, REDIS_REPLY_ARRAY);
	const redisReply *waiters = element(reply, WAITERS, REDIS_REPLY_INTEGER);
	const redisReply *content;
	int64_t ttl_ms;

	if (!id || !pttl || !now || now->integer < 0 || now->integer > NOW_MAX_MS || token <= 0 || !details ||
		!waiters || waiters->integer < 0)
		return -EPROTO;
	content = detail(details, "content");
	*ret = (struct lock){
		.key = key,
		.holder = holder_of(details, id),
		.granted = detail(details, "granted") != NULL,
		.foreign = details->elements == 0,
		.acquired_ms = time_of(detail_text(details, "acquired", NULL)),
		.refreshed_ms = time_of(detail_text(details, "refreshed", NULL)),
		.token = (uint64_t)token,
		.waiters = (uint64_t)waiters->integer,
		.content = content ? content->str : NULL,
		.content_size = content ? content->len : 0,
	};
	if (!age_lease(ret, pttl->integer, now->integer, age_ms))
		return -ENOENT;
	if (pttl->integer == PTTL_NEVER) {
		ret->ttl_ms = LEASE_NEVER;
		return 0;
	}
	/* Of one that was taken past lockfs, or given its end so, no more is known than what is left. */
	ttl_ms = lease_of(detail_text(details, "ttl", NULL));
	ret->ttl_ms = ttl_ms ? ttl_ms : ret->remaining_ms;
	/* The same at every look, where the sum of two clocks may differ by a millisecond. */
	if (ttl_ms && ret->refreshed_ms)
		ret->expires_ms = ret->refreshed_ms + ttl_ms;
	return 0;
}

const char *reply_undoable(const redisReply *reply)
{
	enum { DETAILS = 5 }; /* as reply_lock() */
	const redisReply *details = element(reply, DETAILS, REDIS_REPLY_ARRAY);

	return strcmp(detail_text(details, "undoable", ""), "1") == 0 ? detail_text(details, "nonce", NULL) : NULL;
}

/* A lock that was there when the server looked, though nobody may rely on it by now. */
static int reply_lock_seen(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret)
{
	int err = reply_lock(reply, key, age_ms, ret);

	if (err != -ENOENT)
		return err;
	err = reply_lock(reply, key, 0, ret);
	ret->remaining_ms = LEASE_MIN_MS;
	return err;
}

int reply_entry(const redisReply *reply, const char *key, int64_t age_ms, struct entry *ret)
{
	enum { WORD, MODE, UID, GID, CHANGED, TTL };
	const char *ttl;

	if (strcmp(text_at(reply, WORD), "DIR") != 0) {
		ret->kind = ENTRY_LOCK;
		return reply_lock_seen(reply, key, age_ms, &ret->lock);
	}
	if (reply->elements <= TTL)
		return -EPROTO;
	ttl = text_at(reply, TTL);
	ret->kind = ENTRY_DIR;
	/* Damaged settings let nobody in but root. */
	ret->dir = (struct dir_info){
		.mode = (mode_t)number_up_to(text_at(reply, MODE), 07777),
		.uid = (uid_t)number_up_to(text_at(reply, UID), UINT32_MAX - 1),
		.gid = (gid_t)number_up_to(text_at(reply, GID), UINT32_MAX - 1),
		.changed_ms = time_of(text_at(reply, CHANGED)),
		.default_ttl_ms = number_of(ttl, 0) == LEASE_NEVER ? LEASE_NEVER : lease_of(ttl),
	};
	return 0;
}

int reply_token(const redisReply *reply, uint64_t *ret)
{
	int64_t token = number_of(text_at(reply, 1), 0);

	if (token <= 0)
		return -EPROTO;
	*ret = (uint64_t)token;
	return 0;
}

int reply_revoked(const redisReply *reply, uint64_t *ret_token, int64_t *ret_ms)
{
	const redisReply *ms = element(reply, 2, REDIS_REPLY_INTEGER);

	if (!ms || ms->integer < 0 || ms->integer > GRACE_MAX_MS)
		return -EPROTO;
	*ret_ms = ms->integer;
	return reply_token(reply, ret_token);
}

/* Reads three elements from `index` on; false where they are none. */
static bool read_look(const redisReply *reply, size_t index, struct key_look *ret)
{
	enum { LEFT, RANK, FOREIGN };
	const redisReply *left = element(reply, index + LEFT, REDIS_REPLY_INTEGER);
	const redisReply *rank = element(reply, index + RANK, REDIS_REPLY_INTEGER);
	const redisReply *foreign = element(reply, index + FOREIGN, REDIS_REPLY_INTEGER);

	if (!left || left->integer < PTTL_GONE || !rank || rank->integer < -1 || !foreign)
		return false;
	*ret = (struct key_look){
		.left_ms = at_most(left->integer, LEASE_MAX_MS),
		.rank = rank->integer,
		.foreign = foreign->integer,
	};
	return true;
}

int reply_queued(const redisReply *reply, char order[REPLY_ORDER_MAX], struct key_look *ret, bool *ret_was_alive)
{
	enum { WORD, ORDER, LOOK, WAS_ALIVE = LOOK + 3 };
	const char *at = text_at(reply, ORDER);
	const redisReply *was_alive = element(reply, WAS_ALIVE, REDIS_REPLY_INTEGER);

	if (!at || strlen(at) >= REPLY_ORDER_MAX || !was_alive || !read_look(reply, LOOK, ret))
		return -EPROTO;
	stpcpy(order, at);
	*ret_was_alive = was_alive->integer;
	return 0;
}

int reply_looks(const redisReply *reply, bool *ret_was_alive, struct key_look *looks, size_t count)
{
	enum { WORD, WAS_ALIVE, LOOKS, FIELDS = 3 };
	const redisReply *was_alive = element(reply, WAS_ALIVE, REDIS_REPLY_INTEGER);
	const redisReply *all = element(reply, LOOKS, REDIS_REPLY_ARRAY);

	if (!was_alive || !all || all->elements != count * FIELDS)
		return -EPROTO;
	for (size_t i = 0; i < count; i++)
		if (!read_look(all, i * FIELDS, &looks[i]))
			return -EPROTO;
	*ret_was_alive = was_alive->integer;
	return 0;
}

/* What the kernel takes as a name; whatever else is in the server is not ours. */
static bool is_name(const char *name)
{
	return name && *name && strlen(name) <= LOCK_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0;
}

static size_t add_items(const redisReply *names, enum entry_kind kind, struct list_item *items)
{
	size_t count = 0;

	for (size_t i = 0; i < names->elements; i++) {
		const char *name = text_at(names, i);

		if (is_name(name))
			items[count++] = (struct list_item){ .name = name, .kind = kind };
	}
	return count;
}

/* The cursor of the next step; NULL: there is none in this answer. */
static const char *cursor_of(const redisReply *reply)
{
	const char *cursor = text_at(reply, 1);

	return cursor && strlen(cursor) < LISTING_CURSOR_MAX ? cursor : NULL;
}

/* Reads arrays of names; `locks` may be NULL. */
static int read_page(const redisReply *reply, const redisReply *dirs, const redisReply *locks, struct list_page *ret)
{
	size_t most = dirs->elements + (locks ? locks->elements : 0);

	*ret = (struct list_page){ .cursor = cursor_of(reply) };
	if (!ret->cursor)
		return -EPROTO;
	if (most == 0)
		return 0;
	ret->items = calloc(most, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	ret->count = add_items(dirs, ENTRY_DIR, ret->items);
	if (locks)
		ret->count += add_items(locks, ENTRY_LOCK, ret->items + ret->count);
	return 0;
}

int reply_list(const redisReply *reply, struct list_page *ret)
{
	enum { WORD, CURSOR, DIRS, LOCKS, EXPECTED };
	const redisReply *dirs = element(reply, DIRS, REDIS_REPLY_ARRAY);
	const redisReply *locks = element(reply, LOCKS, REDIS_REPLY_ARRAY);
	const redisReply *expected = element(reply, EXPECTED, REDIS_REPLY_INTEGER);
	int err;

	if (!dirs || !locks || !expected || expected->integer < 0)
		return -EPROTO;
	err = read_page(reply, dirs, locks, ret);
	if (err == 0)
		ret->expected = (size_t)expected->integer;
	return err;
}

int reply_lease_scan(const redisReply *reply, struct list_page *ret)
{
	enum { WORD, CURSOR, DIRS };
	const redisReply *dirs = element(reply, DIRS, REDIS_REPLY_ARRAY);

	return dirs ? read_page(reply, dirs, NULL, ret) : -EPROTO;
}

static const struct {
	const char *word;
	enum lock_event_kind kind;
} event_words[] = {
	{ "ACQUIRED", EVENT_ACQUIRED },
	{ "UNAVAILABLE", EVENT_UNAVAILABLE },
	{ "RELEASED", EVENT_RELEASED },
	{ "FAILED_RELEASE", EVENT_FAILED_RELEASE },
	{ "FORCE_RELEASED", EVENT_FORCE_RELEASED },
	{ "REFRESHED", EVENT_REFRESHED },
	{ "FAILED_REFRESH", EVENT_FAILED_REFRESH },
};

static const struct {
	const char *word;
	enum message_kind kind;
} message_words[] = {
	{ "GRANT", MESSAGE_GRANT },
	{ "TOUCH", MESSAGE_TOUCH },
	{ "ENDED", MESSAGE_ENDED },
	{ "GONE", MESSAGE_GONE },
	{ "REVOKE", MESSAGE_REVOKE },
	{ "FREED", MESSAGE_FREED },
};

const char *reply_event_word(enum lock_event_kind kind)
{
	size_t i = 0;

	while (event_words[i].kind != kind)
		i++;
	return event_words[i].word;
}

/* A token as scripts write it: digits, the first of them no 0, and no more than they can count to. */
static bool read_token(const char *text, size_t length, uint64_t *ret)
{
	uint64_t token = 0;

	if (length == 0 || length > TOKEN_DIGITS_MAX || text[0] == '0')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		token = token * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = token;
	return token <= INT64_MAX;
}

/* A path that a lock can have. */
static bool is_key(const char *key)
{
	char name[LOCK_NAME_MAX + 1];
	size_t length;

	if (strlen(key) > LOCK_KEY_MAX)
		return false;
	for (;; key += length + 1) {
		length = strcspn(key, "/");
		if (length > LOCK_NAME_MAX)
			return false;
		memcpy(name, key, length);
		name[length] = '\0';
		if (!is_name(name))
			return false;
		if (!key[length])
			return true;
	}
}

int reply_message(const char *text, size_t size, struct message *ret)
{
	size_t length = strcspn(text, " ");
	const char *about = text[length] ? text + length + 1 : NULL;
	size_t about_length = about ? strcspn(about, " ") : 0;
	const char *key = about && about[about_length] ? about + about_length + 1 : NULL;

	if (!key || strlen(text) != size || !is_key(key))
		return -EPROTO;
	for (size_t i = 0; i < sizeof(message_words) / sizeof(message_words[0]); i++) {
		if (strlen(message_words[i].word) != length || strncmp(text, message_words[i].word, length) != 0)
			continue;
		*ret = (struct message){ .kind = message_words[i].kind, .key = key };
		if (ret->kind != MESSAGE_GRANT)
			return read_token(about, about_length, &ret->token) ? 0 : -EPROTO;
		if (about_length == 0 || about_length >= sizeof(ret->nonce))
			return -EPROTO;
		memcpy(ret->nonce, about, about_length);
		return 0;
	}
	return -EPROTO;
}

/* Reads ` 123` and moves behind it; false where no such number stands there. */
static bool read_number(const char **at, int64_t *ret)
{
	char *end;
	long long number;

	if (**at != ' ' || ((*at)[1] != '-' && ((*at)[1] < '0' || (*at)[1] > '9')))
		return false;
	errno = 0;
	number = strtoll(*at + 1, &end, 10);
	if (errno)
		return false;
	*at = end;
	*ret = number;
	return true;
}

int reply_event(const char *text, size_t size, struct lock_event *ret)
{
	size_t length = strcspn(text, " ");
	const char *at = text + length;
	int64_t token, ttl_ms;

	for (size_t i = 0; i < sizeof(event_words) / sizeof(event_words[0]); i++) {
		if (strlen(event_words[i].word) != length || strncmp(text, event_words[i].word, length) != 0)
			continue;
		*ret = (struct lock_event){ .kind = event_words[i].kind };
		if (!read_number(&at, &ret->time_us) || ret->time_us < 0 || ret->time_us > NOW_MAX_MS * 1000 ||
			!read_number(&at, &token) || token < 0 || !read_number(&at, &ttl_ms) ||
			ttl_ms < LEASE_NEVER || *at++ != ' ')
			return -EPROTO;
		ret->ttl_ms = at_most(ttl_ms, LEASE_MAX_MS);
		ret->token = (uint64_t)token;
		ret->foreign = token_is_foreign(ret->token);
		if (ret->token)
			ret->owner = at;
		/* Behind the owner is a NUL, and then the key. */
		at += strlen(at) + 1;
		if (at >= text + size || at + strlen(at) != text + size || !is_key(at))
			return -EPROTO;
		ret->key = at;
		return 0;
	}
	return -EPROTO;
}

int reply_held(const char *text, size_t size, int64_t *ret_left_ms, struct lock_event *ret)
{
	const char *at = text + strlen(HELD_WORD);

	if (strncmp(text, HELD_WORD, strlen(HELD_WORD)) != 0 || !read_number(&at, ret_left_ms) || *at++ != ' ')
		return -EPROTO;
	*ret_left_ms = at_most(*ret_left_ms, LEASE_MAX_MS);
	return reply_event(at, size - (size_t)(at - text), ret);
}
