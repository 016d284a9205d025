/* Reads locks and directories in a reply. The layout of a lock is that of describe() in holding.lua. */
#include "backend/redis/reply/reply_lock.h"

#include <errno.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"

/* Reads a number from 0 to `most`. Returns 0 if the text is no such number. */
static int64_t number_up_to(const char *text, int64_t most)
{
	int64_t number = reply_number(text, 0);

	return number >= 0 && number <= most ? number : 0;
}

/* Returns the value of a field in the details of a lock (names and values alternate), or NULL. */
static const redisReply *detail(const redisReply *details, const char *field)
{
	for (size_t i = 0; i + 1 < details->elements; i += 2) {
		const char *name = reply_text(details, i);

		if (name && strcmp(name, field) == 0)
			return reply_element(details, i + 1, REDIS_REPLY_STRING);
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
	return reply_number(detail_text(details, field, NULL), fallback);
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

/* Sets what is left of the lease for sure, given the age of the reply. Returns false if the lease has ended. */
static bool age_lease(struct lock *lock, int64_t pttl_ms, int64_t now_ms, int64_t age_ms)
{
	lock->remaining_ms = LEASE_NEVER;
	lock->expires_ms = LEASE_NEVER;
	if (pttl_ms == PTTL_NEVER)
		return true;
	if (pttl_ms < 0)
		return false;
	pttl_ms = reply_at_most(pttl_ms, LEASE_MAX_MS);
	lock->expires_ms = now_ms + pttl_ms;
	lock->remaining_ms = pttl_ms - age_ms;
	return lock->remaining_ms > 0;
}

int reply_set_lease(struct lock *lock, int64_t pttl_ms, int64_t now_ms, int64_t age_ms, const char *ttl)
{
	int64_t ttl_ms;

	if (!age_lease(lock, pttl_ms, now_ms, age_ms))
		return -ENOENT;
	if (pttl_ms == PTTL_NEVER) {
		lock->ttl_ms = LEASE_NEVER;
		return 0;
	}
	/* If another Redis client took the lock or set its expiry, the lease is unknown: what is left counts as the lease. */
	ttl_ms = reply_lease(ttl);
	lock->ttl_ms = ttl_ms ? ttl_ms : lock->remaining_ms;
	/* now + PTTL can differ by 1 ms from reply to reply, so the end is computed from what does not change. */
	if (ttl_ms && lock->refreshed_ms)
		lock->expires_ms = lock->refreshed_ms + ttl_ms;
	return 0;
}

/* Damaged permissions read as 0. */
static mode_t permissions_in(const redisReply *details)
{
	const char *text = detail_text(details, "permissions", NULL);

	return text ? (mode_t)number_up_to(text, LOCK_PERMISSION_BITS) : LOCK_PERMISSIONS;
}

int reply_lock(const redisReply *reply, const char *key, int64_t age_ms, struct lock *ret)
{
	enum { WORD, ID, PTTL, NOW, TOKEN, DETAILS, WAITERS, HOLDERS };
	const char *id = reply_text(reply, ID);
	const redisReply *pttl = reply_element(reply, PTTL, REDIS_REPLY_INTEGER);
	const redisReply *now = reply_element(reply, NOW, REDIS_REPLY_INTEGER);
	int64_t token = reply_number(reply_text(reply, TOKEN), 0);
	const redisReply *details = reply_element(reply, DETAILS, REDIS_REPLY_ARRAY);
	const redisReply *waiters = reply_element(reply, WAITERS, REDIS_REPLY_INTEGER);
	const redisReply *holders = reply_element(reply, HOLDERS, REDIS_REPLY_INTEGER);
	const redisReply *content;

	if (!id || !pttl || !now || now->integer < 0 || now->integer > NOW_MAX_MS || token <= 0 || !details ||
		!waiters || waiters->integer < 0 || !holders || holders->integer < 0)
		return -EPROTO;
	content = detail(details, "content");
	*ret = (struct lock){
		.key = key,
		.mode = holders->integer > 0 ? LOCK_SHARED : LOCK_EXCLUSIVE,
		.form = lock_form_of(detail_text(details, "form", NULL)),
		.permissions = permissions_in(details),
		.holders = holders->integer > 0 ? (uint64_t)holders->integer : 1,
		.holder = holder_of(details, id),
		.granted = detail(details, "granted") != NULL,
		.foreign = details->elements == 0,
		.acquired_ms = reply_time(detail_text(details, "acquired", NULL)),
		.refreshed_ms = reply_time(detail_text(details, "refreshed", NULL)),
		.token = (uint64_t)token,
		.waiters = (uint64_t)waiters->integer,
		.content = content ? content->str : NULL,
		.content_size = content ? content->len : 0,
	};
	ret->first_key = detail_text(details, "first", NULL);
	ret->linked = ret->first_key != NULL;
	ret->ended_source = (uint64_t)detail_number(details, "ended_source", 0);
	ret->modified_ms = detail_number(details, "mtime", ret->refreshed_ms);
	return reply_set_lease(ret, pttl->integer, now->integer, age_ms, detail_text(details, "ttl", NULL));
}

const char *reply_undoable(const redisReply *reply)
{
	enum { DETAILS = 5 }; /* index in the layout that reply_lock() reads */
	const redisReply *details = reply_element(reply, DETAILS, REDIS_REPLY_ARRAY);

	if (!details)
		return NULL;
	return strcmp(detail_text(details, "undoable", ""), "1") == 0 ? detail_text(details, "nonce", NULL) : NULL;
}

const char *reply_linked(const redisReply *reply, const char **ret_token)
{
	enum { DETAILS = 5 }; /* index in the layout that reply_lock() reads */
	const redisReply *details = reply_element(reply, DETAILS, REDIS_REPLY_ARRAY);
	const char *nonce = details ? detail_text(details, "linked_nonce", NULL) : NULL;

	*ret_token = nonce ? detail_text(details, "linked", "") : "";
	return nonce && *nonce ? nonce : NULL;
}

/* Reads a lock that was held when the server answered, even if its lease has ended since. */
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
	enum { WORD, MODE, UID, GID, CHANGED, TTL, LIMIT, WAITERS, MODIFIED };
	const redisReply *waiters;
	const char *ttl;

	if (strcmp(reply_text(reply, WORD), "DIR") != 0) {
		ret->kind = ENTRY_LOCK;
		return reply_lock_seen(reply, key, age_ms, &ret->lock);
	}
	waiters = reply_element(reply, WAITERS, REDIS_REPLY_INTEGER);
	if (!waiters || waiters->integer < 0)
		return -EPROTO;
	ttl = reply_text(reply, TTL);
	ret->kind = ENTRY_DIR;
	/* Damaged settings read as 0: mode 0 and owner root let only root in. */
	ret->dir = (struct dir_info){
		.mode = (mode_t)number_up_to(reply_text(reply, MODE), 07777),
		.uid = (uid_t)number_up_to(reply_text(reply, UID), UINT32_MAX - 1),
		.gid = (gid_t)number_up_to(reply_text(reply, GID), UINT32_MAX - 1),
		.changed_ms = reply_time(reply_text(reply, CHANGED)),
		.default_ttl_ms = reply_number(ttl, 0) == LEASE_NEVER ? LEASE_NEVER : reply_lease(ttl),
		.limit = (uint32_t)number_up_to(reply_text(reply, LIMIT), DIR_LIMIT_MAX),
		.waiters = (uint64_t)waiters->integer,
	};
	ret->dir.modified_ms = reply_number(reply_text(reply, MODIFIED), ret->dir.changed_ms);
	return 0;
}

int reply_token(const redisReply *reply, uint64_t *ret)
{
	int64_t token = reply_number(reply_text(reply, 1), 0);

	if (token <= 0)
		return -EPROTO;
	*ret = (uint64_t)token;
	return 0;
}

int reply_revoked(const redisReply *reply, uint64_t *ret_token, int64_t *ret_ms)
{
	const redisReply *ms = reply_element(reply, 2, REDIS_REPLY_INTEGER);

	if (!ms || ms->integer < 0 || ms->integer > GRACE_MAX_MS)
		return -EPROTO;
	*ret_ms = ms->integer;
	return reply_token(reply, ret_token);
}
