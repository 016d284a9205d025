/*
 * The Redis backend as its own files see it: its parts, and the functions by which these files call one another.
 */
#ifndef BACKEND_REDIS_REDIS_BACKEND_H
#define BACKEND_REDIS_REDIS_BACKEND_H

#include "backend/redis/calls/script_calls.h"
#include "backend/redis/early_notices.h"
#include "backend/redis/lock_cache.h"
#include "backend/redis/net/outage.h"
#include "backend/redis/net/url.h"
#include "backend/redis/reply/message.h"

struct lease_scan;
struct primary;
struct reclaim;
struct revocations;
struct status_query;
struct subscription;
struct tls_context;
struct wait_queue;

struct redis_backend {
	struct backend base;
	struct backend_config config; /* its texts are this struct's or live until close() is called */
	struct redis_url url;    /* means the present server */
	struct primary *primary; /* NULL: SOURCE names one server */
	struct tls_context *tls; /* NULL: without TLS */
	struct script_calls *calls;
	struct subscription *subscription;
	struct wait_queue *wait_queue;
	struct revocations *revocations;
	struct lease_scan *lease_scan;
	struct status_query *status;
	struct reclaim *reclaim;
	struct lock_cache lock_cache;
	struct early_notices early_notices;
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);
	void (*on_touched)(void *ctx, uint64_t token);
	void (*on_notice)(void *ctx, const char *line);
	void (*on_touched_all)(void *ctx);
	void *ctx;
	struct outage outage;      /* of either of the two connections */
	bool is_started;
	bool adds_tag;             /* the namespace got a hash tag */
	bool closing;
	bool strict;               /* the mount option */
	bool scan;                 /* the mount option: listings show locks of other Redis clients */
	int64_t timeout_ms;
	backend_started *started;  /* called at the end of the start */
	void *started_ctx;
	char instance[NONCE_SIZE]; /* names this daemon in the server */
	unsigned int references;   /* to this memory: its parts */
	char namespace_[];
};

static inline struct redis_backend *redis_of(struct backend *backend)
{
	return (struct redis_backend *)backend;
}

/*
 * May this mount still undo the acquisition with this nonce (NULL: none) and token, as its caller was not answered yet or never
 * will be?
 */
bool redis_may_undo(const struct redis_backend *redis, const char *nonce, uint64_t token);

/* A lock that this mount is about to undo is no link of another one: whoever sees two links believes that link(2) has succeeded. */
void redis_hide_link(const struct redis_backend *redis, const redisReply *reply, struct lock *lock);

/*
 * operation.c
 * operation_plain() and operation_lock() make a call that is answered by a status or by a lock. They return NULL if there
 * is no memory, after they called `done`. operation_status() turns a status of a reply into one for callers.
 */
int operation_status(int status);
void operation_drop_cached(struct script_call *call);
void operation_start_change(struct redis_backend *redis, struct script_call *call);
void operation_on_plain(struct script_call *call, int status, const redisReply *reply, int64_t age_ms);
struct script_call *operation_plain(struct backend *backend, enum script script, const char *key, backend_done *done, void *ctx);
struct script_call *operation_lock(struct backend *backend, enum script script, const char *key, backend_lock_done *done, void *ctx);
void operation_note_entry(const struct redis_backend *redis, const char *path, int status, const struct entry *entry); /* what a read answered */
void operation_add_claim(struct script_call *call, const struct lock_claim *claim);

/* lock_operations.c */
void redis_report_ended(const struct redis_backend *redis, const char *key, uint64_t token, bool taken);
void redis_on_forced(void *ctx, const char *key, uint64_t token);
void redis_on_holding_lost(void *ctx, const char *key, uint64_t token);
void redis_acquire(struct backend *backend, struct acquisition *acquisition);
void redis_cancel(struct backend *backend, struct acquisition *acquisition);
void redis_release(struct backend *backend, const char *key, const struct lock_claim *claim, struct holding_match match, backend_done *done, void *ctx);
void redis_give_back(struct backend *backend, const char *key, uint64_t token);
void redis_refresh(struct backend *backend, const char *key, const struct lock_claim *claim, struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx);
void redis_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim, struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx);
void redis_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token, backend_lock_done *done, void *ctx);
void redis_publish(struct backend *backend, enum lock_event_kind kind, const char *key, struct holding_match match);
void redis_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data, size_t size, backend_done *done, void *ctx);
void redis_truncate(struct backend *backend, const char *key, const struct lock_claim *claim, struct holding_match match, off_t size, backend_lock_done *done, void *ctx);

/*
 * lock_reads.c
 * redis_note_generation() goes before an acquisition, and redis_note_acquired() after it: the lock is
 * cached if no notification came in between, and is written anew if the server loses it.
 */
void redis_note_generation(void *ctx, struct script_call *call);
void redis_note_acquired(void *ctx, const struct script_call *call, const struct lock *lock);
void redis_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx);
bool redis_read_cached(struct backend *backend, const char *key, struct lock *ret);
void redis_watch(struct backend *backend, const char *key, uint64_t token, backend_entry_done *done, void *ctx);

/* directory_operations.c */
void redis_list(struct backend *backend, struct listing *listing);
void redis_make_dir(struct backend *backend, const char *path, const struct dir_info *info, backend_done *done, void *ctx);
void redis_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx);
void redis_configure_dir(struct backend *backend, const char *path, unsigned int which, const struct dir_info *info, backend_done *done, void *ctx);

/* notifications.c */
void redis_on_message(void *ctx, const struct message *message);
void redis_on_here(void *ctx, const struct mount_here *here);
void redis_on_subscribed(void *ctx);
void redis_on_unsubscribed(void *ctx, const char *problem);
void redis_on_calls_up(void *ctx, bool has_new_epoch);
void redis_on_epoch(void *ctx, const char *epoch);
void redis_on_revoked(void *ctx, const char *key, uint64_t token);
void redis_on_acquire_answered(void *ctx, const char *key);
void redis_on_calls_down(void *ctx, const char *problem);
void redis_on_all_events(void *ctx);
bool redis_listen(struct backend *backend, enum listen_extent extent);

#endif
