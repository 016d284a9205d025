/*
 * The backend of `redis://…`: locks in Redis or Valkey, which many mounts share.
 * Each call is one script (scripts.h); script_call.c carries it there and back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/calls/script_calls.h"
#include "backend/redis/early_notices.h"
#include "backend/redis/listing.h"
#include "backend/redis/lock_cache.h"
#include "backend/redis/net/outage.h"
#include "backend/redis/net/tls.h"
#include "backend/redis/notify/lease_scan.h"
#include "backend/redis/notify/subscription.h"
#include "backend/redis/reply/message.h"
#include "backend/redis/reply/reply_lock.h"
#include "backend/redis/revocation.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/registry.h"
#include "backend/util/clock.h"

struct redis_backend {
	struct backend base;
	struct redis_url source;
	struct tls_context *tls; /* NULL: plain */
	struct script_calls *calls;
	struct subscription *subscription;
	struct wait_queue *tickets;
	struct revocations *revocations;
	struct lease_scan *lease_scan;
	struct lock_cache fresh;
	struct early_notices early;
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);
	void (*on_touched)(void *ctx, uint64_t token);
	void (*on_notice)(void *ctx, const char *line);
	void (*on_touched_all)(void *ctx);
	void *ctx;
	struct outage outage; /* of either connection */
	bool is_started;
	bool closing;
	bool scan;
	int64_t timeout_ms;
	backend_started *started; /* while it starts */
	void *started_ctx;
	char mount[NONCE_SIZE]; /* names this daemon among all */
	unsigned int users; /* of this memory: its parts */
	char namespace_[];
};

static struct redis_backend *redis_of(struct backend *backend)
{
	return (struct redis_backend *)backend;
}

/* A script's answer that is none of ours is the server's fault. */
static int checked(int status)
{
	return status == -EPROTO ? -EIO : status;
}

/* How calls end */

/*
 * Whatever a call did, the lock is not what it was. What was kept is dropped when
 * it is sent and again when it is done, as another answer may come in between.
 */
static void touch(struct script_call *call)
{
	struct redis_backend *redis = call->owner;

	lock_cache_drop(&redis->fresh, call->key);
}

static void start_change(struct redis_backend *redis, struct script_call *call)
{
	call->owner = redis;
	touch(call);
	script_call_start(call);
}

static void done_plain(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	(void)reply;
	(void)age_ms;
	touch(call);
	call->answer.plain(call->ctx, checked(status));
}

static void tell_ended(const struct redis_backend *redis, const char *key, uint64_t token, bool taken)
{
	if (redis->on_ended)
		redis->on_ended(redis->ctx, key, token, taken);
}

static void done_release(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	uint64_t token;

	if (status == 0 && reply_token(reply, &token) == 0)
		tell_ended(call->owner, call->key, token, false);
	done_plain(call, status, reply, age_ms);
}

static void done_lock(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct lock lock;

	touch(call);
	if (status == 0)
		status = reply_lock(reply, call->key, age_ms, &lock);
	call->answer.lock(call->ctx, checked(status), status == 0 ? &lock : NULL);
}

static void mark_fresh(void *ctx, struct script_call *call)
{
	const struct redis_backend *redis = ctx;

	call->mark = redis->fresh.changes;
}

/* What was told since it was asked for may be of it. What is not read yet is before it is used. */
static void keep_fresh(void *ctx, const struct script_call *call, const struct lock *lock)
{
	struct redis_backend *redis = ctx;

	if (call->mark == redis->fresh.changes)
		lock_cache_add(&redis->fresh, lock, call->sent_ns);
}

/* As done_lock(), but who holds it is told with refusals too. */
static void done_acquire(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct redis_backend *redis = call->owner;
	struct lock lock;
	bool described = status == 0 || status == -EEXIST || status == -EBUSY;
	int err = described ? acquire_reply(call, status, reply, age_ms, &lock) : 0;

	if (err == -ENOENT && status < 0) {
		/* It was held when the server looked, and that is what the answer is about. */
		lock.remaining_ms = LEASE_MIN_MS;
		err = 0;
	} else if (err == -ENOENT) {
		/* An answer that comes after the end of its own lease is no acquisition. */
		status = -ETIMEDOUT;
		script_calls_undo(redis->calls, call->key, call->nonce);
	} else if (err < 0) {
		if (status == 0)
			script_calls_undo(redis->calls, call->key, call->nonce);
		status = err;
	}
	if (status == 0)
		keep_fresh(redis, call, &lock);
	call->answer.lock(call->ctx, checked(status), described && err == 0 ? &lock : NULL);
}

static void done_entry(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	call->answer.entry(call->ctx, checked(status), status == 0 ? &entry : NULL);
}

/* May this mount still have it undone, as the caller who acquires it was not answered, or will not be? */
static bool may_be_undone(const struct redis_backend *redis, const redisReply *reply, uint64_t token)
{
	const char *nonce = reply_undoable(reply);
	char text[CALL_NUMBER_MAX];

	if (!nonce)
		return false;
	snprintf(text, sizeof(text), "%" PRIu64, token);
	return wait_queue_know(redis->tickets, nonce) || script_calls_undoing(redis->calls, nonce) ||
		script_calls_undoing(redis->calls, text);
}

/* As done_entry(), for a caller that wants to know whether it holds the lock. */
static void done_read(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	if (status == 0 && entry.kind == ENTRY_LOCK && may_be_undone(call->owner, reply, entry.lock.token))
		entry.lock.granted = true;
	call->answer.entry(call->ctx, checked(status), status == 0 ? &entry : NULL);
}

/* Making calls */

/* A call that is answered by a status alone; NULL: it was answered, as there is no memory. */
static struct script_call *plain_call(struct backend *backend, enum script script, const char *key, backend_done *done,
                               void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM);
		return NULL;
	}
	call->done = done_plain;
	call->answer.plain = done;
	call->ctx = ctx;
	return call;
}

/* Likewise one that is answered by a lock. */
static struct script_call *lock_call(struct backend *backend, enum script script, const char *key,
                              backend_lock_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, script, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return NULL;
	}
	call->done = done_lock;
	call->answer.lock = done;
	call->ctx = ctx;
	return call;
}

/* Calls on locks */

static void add_claim(struct script_call *call, const struct lock_claim *claim)
{
	script_call_add_text(call, claim ? claim->id : NULL);
	script_call_add_text(call, claim ? claim->identity : NULL);
}

static void acquire_now(struct redis_backend *redis, struct acquisition *acquisition)
{
	char nonce[NONCE_SIZE];
	struct script_call *call = make_nonce(nonce) < 0 ? NULL : acquire_call(redis->calls, acquisition, nonce, "0");

	if (!call) {
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
		return;
	}
	call->undone_if_lost = true;
	call->owner = redis;
	mark_fresh(redis, call);
	call->done = done_acquire;
	call->answer.lock = acquisition->done;
	call->ctx = acquisition->ctx;
	script_call_start(call);
}

static void redis_acquire(struct backend *backend, struct acquisition *acquisition)
{
	struct redis_backend *redis = redis_of(backend);

	acquisition->pending = NULL;
	if (acquisition->waits)
		wait_queue_acquire(redis->tickets, acquisition);
	else
		acquire_now(redis, acquisition);
}

static void redis_cancel(struct backend *backend, struct acquisition *acquisition)
{
	/* One that does not wait is answered within `timeout_ms` by itself. */
	if (acquisition->pending)
		wait_queue_cancel(redis_of(backend)->tickets, acquisition);
}

static void redis_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, backend_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct script_call *call;

	if (!claim) {
		lock_cache_drop(&redis->fresh, key);
		revocations_release(redis->revocations, key, match, done, ctx);
		return;
	}
	call = plain_call(backend, SCRIPT_RELEASE, key, done, ctx);
	if (!call)
		return;
	call->done = done_release;
	add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_text(call, "");
	start_change(redis, call);
}

/* By the token, as the nonce was the call's. Until it is done the lock is shown as nobody's. */
static void redis_give_back(struct backend *backend, const char *key, uint64_t token)
{
	struct redis_backend *redis = redis_of(backend);
	char text[CALL_NUMBER_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, token);
	lock_cache_drop(&redis->fresh, key);
	script_calls_undo(redis->calls, key, text);
}

static void redis_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                          struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx)
{
	struct script_call *call = lock_call(backend, SCRIPT_REFRESH, key, done, ctx);

	if (!call)
		return;
	add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_number(call, ttl_ms);
	start_change(redis_of(backend), call);
}

static void redis_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                       backend_lock_done *done, void *ctx)
{
	struct script_call *call = lock_call(backend, SCRIPT_BIND, key, done, ctx);

	if (!call)
		return;
	add_claim(call, claim);
	script_call_add_token(call, token);
	script_call_add_number(call, script_calls_grace_ms(redis_of(backend)->calls));
	start_change(redis_of(backend), call);
}

static bool redis_listen(struct backend *backend, enum listen_extent extent)
{
	struct redis_backend *redis = redis_of(backend);

	/* Where nobody listens for a moment only, the next one is told of what it goes on to find. */
	if (extent == LISTEN_EVENTS)
		lease_scan_stop(redis->lease_scan);
	return subscription_want(redis->subscription, extent);
}

static void on_hears(void *ctx)
{
	struct redis_backend *redis = ctx;

	lease_scan_start(redis->lease_scan);
}

static void done_telling(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	/* It was only said. */
	(void)status;
	(void)reply;
	(void)age_ms;
	free(call->ctx);
}

static void redis_tell(struct backend *backend, enum lock_event_kind kind, const char *key,
                       struct holding_match match)
{
	char *copy = strdup(key);
	struct script_call *call = copy ? script_call_new(redis_of(backend)->calls, SCRIPT_PUBLISH, copy) : NULL;

	if (!call) {
		free(copy);
		return;
	}
	script_call_add_text(call, reply_event_word(kind));
	script_call_add_match(call, match);
	call->done = done_telling;
	call->ctx = copy;
	script_call_start(call);
}

static void redis_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                       backend_entry_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct entry entry = { .kind = ENTRY_LOCK };
	struct script_call *call;

	if (redis->fresh.by_key && subscription_is_current(redis->subscription) &&
		lock_cache_find(&redis->fresh, key, &entry.lock)) {
		done(ctx, 0, &entry);
		return;
	}
	call = script_call_new(redis->calls, SCRIPT_READ, key);
	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	add_claim(call, claim);
	call->done = done_read;
	call->owner = redis;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}

static void done_checking(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct redis_backend *redis = call->owner;
	uint64_t token = call->mark;
	struct entry entry;

	if (status == 0)
		status = reply_entry(reply, call->key, age_ms, &entry);
	if (!entry_is_holding(status, &entry, token))
		lock_cache_drop(&redis->fresh, call->key);
	free(call->ctx);
}

/* Is it still there? What is found to be wrong is not told again. */
static void check_behind(struct redis_backend *redis, const struct lock *lock)
{
	char *key = strdup(lock->key);
	struct script_call *call = key ? script_call_new(redis->calls, SCRIPT_READ, key) : NULL;

	if (!call) {
		lock_cache_drop(&redis->fresh, lock->key);
		free(key);
		return;
	}
	add_claim(call, NULL);
	call->done = done_checking;
	call->owner = redis;
	call->mark = lock->token;
	call->ctx = key;
	script_call_start(call);
}

static bool redis_read_cached(struct backend *backend, const char *key, struct lock *ret)
{
	struct redis_backend *redis = redis_of(backend);

	if (!redis->fresh.by_key || !subscription_is_current(redis->subscription))
		return false;
	if (lock_cache_find(&redis->fresh, key, ret))
		return true;
	if (!lock_cache_get(&redis->fresh, key, ret))
		return false;
	check_behind(redis, ret);
	/* Where there is no asking, it is not kept any more. */
	return lock_cache_get(&redis->fresh, key, ret);
}

static void redis_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx)
{
	struct script_call *call = script_call_new(redis_of(backend)->calls, SCRIPT_WATCH, key);

	if (!call) {
		done(ctx, -ENOMEM, NULL);
		return;
	}
	script_call_add_token(call, token);
	call->done = done_entry;
	call->answer.entry = done;
	call->ctx = ctx;
	script_call_start(call);
}

static void redis_stats(struct backend *backend, struct backend_stats *ret)
{
	const struct redis_backend *redis = redis_of(backend);

	*ret = (struct backend_stats){ .waited_for = wait_queue_key_count(redis->tickets), .locks = -1 };
	script_calls_stats(redis->calls, ret);
}

static void redis_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data,
                        size_t size, backend_done *done, void *ctx)
{
	struct script_call *call = plain_call(backend, SCRIPT_WRITE, key, done, ctx);

	if (!call)
		return;
	script_call_add_token(call, token);
	script_call_add_number(call, offset);
	script_call_add_bytes(call, data, size);
	script_call_add_number(call, LOCK_CONTENT_MAX);
	start_change(redis_of(backend), call);
}

static void redis_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                           struct holding_match match, off_t size, backend_lock_done *done, void *ctx)
{
	struct script_call *call = lock_call(backend, SCRIPT_TRUNCATE, key, done, ctx);

	if (!call)
		return;
	add_claim(call, claim);
	script_call_add_match(call, match);
	script_call_add_number(call, size);
	script_call_add_number(call, LOCK_CONTENT_MAX);
	start_change(redis_of(backend), call);
}

/* Calls on directories */

static void redis_list(struct backend *backend, struct listing *listing)
{
	struct redis_backend *redis = redis_of(backend);

	list_directory(redis->calls, listing, redis->scan);
}

static void redis_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                           backend_done *done, void *ctx)
{
	struct script_call *call = plain_call(backend, SCRIPT_MAKE_DIR, path, done, ctx);

	if (!call)
		return;
	script_call_add_number(call, info->mode);
	script_call_add_number(call, info->uid);
	script_call_add_number(call, info->gid);
	start_change(redis_of(backend), call);
}

/* One of a directory with many names that another client's deletions left, in several steps (remove_dir.lua). */
struct removal {
	struct redis_backend *redis;
	backend_done *done;
	void *ctx;
	int64_t deadline_ns; /* of all steps: CLOCK_BOOTTIME */
	char path[];
};

static void finish_removal(struct removal *removal, int status)
{
	removal->done(removal->ctx, checked(status));
	free(removal);
}

static void step_removal(struct removal *removal);

static void done_removal(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct removal *removal = call->ctx;

	(void)reply;
	(void)age_ms;
	touch(call);
	if (status == -EAGAIN && boot_ns() < removal->deadline_ns)
		step_removal(removal);
	else
		finish_removal(removal, status == -EAGAIN ? -ETIMEDOUT : status);
}

static void step_removal(struct removal *removal)
{
	struct script_call *call = script_call_new(removal->redis->calls, SCRIPT_REMOVE_DIR, removal->path);

	if (!call) {
		finish_removal(removal, -ENOMEM);
		return;
	}
	call->done = done_removal;
	call->ctx = removal;
	start_change(removal->redis, call);
}

static void redis_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct removal *removal = calloc(1, sizeof(*removal) + strlen(path) + 1);

	if (!removal) {
		done(ctx, -ENOMEM);
		return;
	}
	removal->redis = redis;
	removal->done = done;
	removal->ctx = ctx;
	removal->deadline_ns = boot_ns() + redis->timeout_ms * NS_PER_MS;
	stpcpy(removal->path, path);
	step_removal(removal);
}

static void add_setting(struct script_call *call, bool changes, int64_t value)
{
	if (changes)
		script_call_add_number(call, value);
	else
		script_call_add_text(call, "");
}

static void redis_configure_dir(struct backend *backend, const char *path, unsigned int which,
                                const struct dir_info *info, backend_done *done, void *ctx)
{
	struct script_call *call;

	if (!*path && (which & (DIR_MODE | DIR_UID | DIR_GID))) {
		done(ctx, -EPERM);
		return;
	}
	call = plain_call(backend, SCRIPT_CONFIGURE_DIR, path, done, ctx);
	if (!call)
		return;
	add_setting(call, which & DIR_MODE, info->mode);
	add_setting(call, which & DIR_UID, info->uid);
	add_setting(call, which & DIR_GID, info->gid);
	add_setting(call, which & DIR_DEFAULT_TTL, info->default_ttl_ms);
	start_change(redis_of(backend), call);
}

/* Opening and closing */

static void drop_user(void *ctx)
{
	struct redis_backend *redis = ctx;

	if (--redis->users > 0)
		return;
	lease_scan_free(redis->lease_scan);
	lock_cache_drop_all(&redis->fresh);
	early_notices_drop_all(&redis->early);
	tls_context_free(redis->tls);
	redis_url_free(&redis->source);
	free(redis);
}

/* Its holder has been told, or there is none here. */
static void obey(struct redis_backend *redis, const struct message *message)
{
	if (message->kind == MESSAGE_REVOKE)
		revocations_obey(redis->calls, message->key, message->token);
}

static void tell_end(struct redis_backend *redis, const struct message *message)
{
	tell_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	/* Where it is not known yet that this mount holds it, nobody was told, and the answer tells more. */
	if (script_calls_acquiring(redis->calls, message->key) && early_notices_add(&redis->early, message) == 0)
		return;
	obey(redis, message);
}

static void take_message(struct redis_backend *redis, const struct message *message)
{
	if (message->kind != MESSAGE_GRANT)
		lock_cache_drop(&redis->fresh, message->key);
	switch (message->kind) {
	case MESSAGE_GRANT:
		wait_queue_granted(redis->tickets, message->nonce);
		break;
	case MESSAGE_TOUCH:
		if (redis->on_touched)
			redis->on_touched(redis->ctx, message->token);
		break;
	case MESSAGE_ENDED:
	case MESSAGE_GONE:
	case MESSAGE_REVOKE:
		tell_end(redis, message);
		break;
	case MESSAGE_FREED:
		revocations_freed(redis->revocations, message->key, message->token);
		break;
	}
}

static void on_told(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	script_calls_hear(redis->calls, true);
	take_message(redis, message);
	script_calls_hear(redis->calls, false);
}

static void notice(const struct redis_backend *redis, const char *line)
{
	if (redis->on_notice)
		redis->on_notice(redis->ctx, line);
}

/* An attempt at connecting that fails at the start is told by `started`. */
static void tell_outage(struct redis_backend *redis, const char *problem)
{
	if (redis->is_started && !redis->closing && *problem && outage_add(&redis->outage, problem))
		notice(redis, problem);
}

/* The server is back when both connections are. */
static void tell_recovery(struct redis_backend *redis)
{
	char line[BACKEND_PROBLEM_MAX];

	if (redis->closing || !script_calls_are_up(redis->calls) || !subscription_is_up(redis->subscription) ||
		!outage_end(&redis->outage))
		return;
	snprintf(line, sizeof(line), "%s is reached again", redis->source.name);
	notice(redis, line);
}

/* What was told before, nobody heard. */
static void on_listening(void *ctx)
{
	struct redis_backend *redis = ctx;

	tell_recovery(redis);
	lock_cache_drop_all(&redis->fresh);
	wait_queue_ask_again(redis->tickets);
	if (redis->on_touched_all)
		redis->on_touched_all(redis->ctx);
}

static void on_deaf(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	lock_cache_drop_all(&redis->fresh);
	tell_outage(redis, problem);
}

static void on_reached_again(void *ctx)
{
	struct redis_backend *redis = ctx;

	tell_recovery(redis);
	wait_queue_ask_again(redis->tickets);
	lease_scan_start_again(redis->lease_scan);
}

static void tell_early(void *ctx, const struct message *message)
{
	struct redis_backend *redis = ctx;

	tell_ended(redis, message->key, message->token, message->kind != MESSAGE_ENDED);
	obey(redis, message);
}

static void on_acquired(void *ctx, const char *key)
{
	struct redis_backend *redis = ctx;

	if (redis->early.first && !script_calls_acquiring(redis->calls, key))
		early_notices_deliver(&redis->early, key, tell_early, redis);
}

static void on_lost(void *ctx, const char *problem)
{
	struct redis_backend *redis = ctx;

	tell_outage(redis, problem);
	wait_queue_lost(redis->tickets);
	/* Where this one is silent, the other may only seem to be alive. */
	subscription_renew(redis->subscription);
}

static int make_parts(struct redis_backend *redis, const struct backend_config *config)
{
	struct backend_config own = *config;
	struct script_calls_handlers script_calls_owner = {
		.reached = on_reached_again,
		.lost = on_lost,
		.acquired = on_acquired,
		.freed = drop_user,
		.ctx = redis,
	};
	struct wait_queue_handlers wait_queue_owner = { .asking = mark_fresh, .acquired = keep_fresh, .ctx = redis };
	struct subscription_handlers subscription_owner = {
		.told = on_told,
		.listening = on_listening,
		.deaf = on_deaf,
		.hears = on_hears,
		.freed = drop_user,
		.ctx = redis,
	};

	own.namespace_ = redis->namespace_;
	if (make_nonce(redis->mount) < 0)
		return -EIO;
	redis->calls = script_calls_new(&own, &redis->source, redis->tls, redis->mount, &script_calls_owner);
	if (!redis->calls)
		return -ENOMEM;
	redis->users++;
	redis->lease_scan = lease_scan_new(redis->calls);
	if (!redis->lease_scan)
		return -ENOMEM;
	redis->tickets = wait_queue_new(&own, redis->calls, &wait_queue_owner);
	if (!redis->tickets)
		return -ENOMEM;
	redis->users++;
	redis->revocations = revocations_new(&own, redis->calls);
	if (!redis->revocations)
		return -ENOMEM;
	redis->users++;
	redis->subscription = subscription_new(&own, &redis->source, redis->tls, redis->mount, &subscription_owner);
	if (!redis->subscription)
		return -ENOMEM;
	redis->users++;
	return 0;
}

/* Ends those that were made. Each frees itself, and this struct with the last. */
static void close_parts(struct redis_backend *redis)
{
	redis->closing = true;
	if (redis->subscription)
		subscription_close(redis->subscription);
	/* The tickets tell the calls what to take back, and what is still under way is answered by these. */
	if (redis->tickets)
		wait_queue_close(redis->tickets, drop_user, redis);
	if (redis->calls)
		script_calls_close(redis->calls);
	if (redis->revocations)
		revocations_close(redis->revocations, drop_user, redis);
}

static int redis_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX])
{
	struct redis_backend *redis = calloc(1, sizeof(*redis) + strlen(config->namespace_) + 1);
	int err = -ENOMEM;

	if (!redis)
		goto fail;
	redis->base.ops = &redis_backend_ops;
	redis->users = 1;
	redis->scan = config->scan;
	redis->timeout_ms = config->timeout_ms;
	redis->on_ended = config->on_ended;
	redis->on_touched = config->on_touched;
	redis->on_notice = config->on_notice;
	redis->on_touched_all = config->on_touched_all;
	redis->ctx = config->ctx;
	stpcpy(redis->namespace_, config->namespace_);
	err = redis_url_parse(config->source, config->password, &redis->source, problem);
	if (err == 0 && redis->source.tls)
		err = tls_context_new(config, redis->source.host, &redis->tls, problem);
	if (err < 0)
		goto fail;
	err = make_parts(redis, config);
	if (err < 0)
		goto fail;
	drop_user(redis);
	*ret = &redis->base;
	return 0;
fail:
	if (err == -ENOMEM || err == -EIO)
		snprintf(problem, BACKEND_PROBLEM_MAX, "cannot set up the connection to Redis: %s", strerror(-err));
	if (redis) {
		close_parts(redis);
		drop_user(redis);
	}
	return err;
}

static void on_first_listening(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	redis->is_started = status == 0;
	redis->started(redis->started_ctx, status, problem);
}

static void on_reached(void *ctx, int status, const char *problem)
{
	struct redis_backend *redis = ctx;

	if (status < 0)
		redis->started(redis->started_ctx, status, problem);
	else
		subscription_start(redis->subscription, on_first_listening, redis);
}

static void redis_start(struct backend *backend, backend_started *started, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);

	redis->started = started;
	redis->started_ctx = ctx;
	script_calls_start(redis->calls, on_reached, redis);
}

static void redis_close(struct backend *backend)
{
	close_parts(redis_of(backend));
}

static const char *const schemes[] = { "redis", "rediss", "redis+unix", NULL };

const struct backend_ops redis_backend_ops = {
	.schemes = schemes,
	.open = redis_open,
	.start = redis_start,
	.close = redis_close,
	.acquire = redis_acquire,
	.cancel = redis_cancel,
	.release = redis_release,
	.give_back = redis_give_back,
	.refresh = redis_refresh,
	.bind = redis_bind,
	.listen = redis_listen,
	.tell = redis_tell,
	.watch = redis_watch,
	.stats = redis_stats,
	.read_cached = redis_read_cached,
	.read = redis_read,
	.write = redis_write,
	.truncate = redis_truncate,
	.list = redis_list,
	.make_dir = redis_make_dir,
	.remove_dir = redis_remove_dir,
	.configure_dir = redis_configure_dir,
};
