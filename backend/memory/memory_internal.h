/*
 * What the files of the memory backend share: its struct, the life of holdings (lifecycle.c), what a
 * lock is like (lock_state.c), and the calls of the table in memory.c.
 *
 * A call begins with memory_expire_due(), and finds locks by memory_find_holding() or memory_find_entry()
 * only, so that no call sees a lock whose lease is over.
 */
#ifndef BACKEND_MEMORY_MEMORY_INTERNAL_H
#define BACKEND_MEMORY_MEMORY_INTERNAL_H

#include <stddef.h>

#include "backend/memory/journal/journal.h"
#include "backend/memory/queue.h"
#include "backend/memory/room.h"
#include "backend/memory/tree.h"
#include "backend/util/container_of.h"
#include "backend/util/deadlines.h"
#include "lockfs/backend.h"

struct memory_backend {
	struct backend base;
	struct mem_tree tree;
	struct deadlines leases;  /* of all holdings that expire */
	struct mem_queues queues; /* of all keys that are waited for */
	struct mem_journal *journal; /* NULL: there is none */
	uint64_t last_token;      /* of the last acquisition */
	int64_t lock_count;
	bool is_listening;        /* listen() asked for events */
	int64_t opened_ms;        /* since the epoch */
	bool forgets;             /* forget() was called: the journal is removed */
	void (*on_event)(void *ctx, const struct lock_event *event);
	void (*on_ended)(void *ctx, const char *key, uint64_t token, bool taken);
	void *ctx; /* the first argument of both callbacks */
};

static inline struct memory_backend *memory_of(struct backend *backend)
{
	return (struct memory_backend *)backend;
}

static inline struct memory_backend *memory_of_leases(struct deadlines *leases)
{
	return container_of(leases, struct memory_backend, leases);
}

/* The life of holdings */

/* Calls on_event; `holding` is what the event is about, or NULL. */
void memory_publish_event(struct memory_backend *memory, enum lock_event_kind kind, const char *key,
                          const struct mem_holding *holding);

/*
 * May this acquisition have the lock now, if nobody waits in front of it? `lock` NULL: the key is free. What backend.h
 * says about acquire() is decided here, for acquisitions, hand-overs and conversions.
 */
bool memory_may_have(const struct mem_lock *lock, const struct acquisition *acquisition);

/*
 * Grants an acquisition that may have the lock, which is made if the key is free; a conversion ends the holding that it
 * replaces. Returns 0 and the new holding; or a negative errno, and nothing has changed.
 */
int memory_grant(struct memory_backend *memory, const struct acquisition *acquisition, int64_t now_ns, struct mem_holding **ret);

/* Ends a holding, and its lock if it was the last, and serves who waits; `why` is the event. */
void memory_end_holding(struct memory_backend *memory, struct mem_holding *holding, enum lock_event_kind why);

/*
 * Ends a holding and serves nobody; `moved` to another key: the mount knows that, so on_ended is not called. Its lock may be gone
 * then, and the caller serves those who wait by memory_serve_key().
 */
void memory_end_quietly(struct memory_backend *memory, struct mem_holding *holding, bool moved);

/* Serves those who wait for a key, else those who wait for room in its directory. */
void memory_serve_key(struct memory_backend *memory, const char *key);

/* Replaces the content of a lock. Returns 0, -ENOMEM, or the error of the quota, and nothing has changed. */
int memory_set_content(struct memory_backend *memory, struct mem_lock *lock, const char *content, size_t size);

/* Acquires from the source of an acquisition, as by link(2) or rename(2), and answers. */
void memory_acquire_from_source(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns);

/* Ends all holdings of a lock, and serves who waits. */
void memory_end_lock(struct memory_backend *memory, struct mem_lock *lock, enum lock_event_kind why);

/* Grants the lock to the waiters who may have it now, and answers them. The queue may be freed. */
void memory_serve(struct memory_backend *memory, struct mem_queue *queue);

/* Gives the room of a directory to those who wait for it, in the order of arrival, until there is none. */
void memory_serve_room(struct memory_backend *memory, const char *dir_path);

/* Answers those who waited for keys of a directory that is removed. */
void memory_dismiss_room(struct memory_backend *memory);

/* Ends leases that are over. Returns false if there are none. */
bool memory_expire_more(struct memory_backend *memory);

/* Restarts the lease of a holding that expires. The time that its holder gave is forgotten. */
void memory_restart_lease(struct memory_backend *memory, struct mem_holding *holding, int64_t now_ns);

/* Ends up to 16 leases that are over. Returns the time of CLOCK_BOOTTIME. */
int64_t memory_expire_due(struct memory_backend *memory);

/* Called by the timer: ends up to 1000 leases that are over, and sets the timer for the next one. */
void memory_on_lease_due(struct deadlines *leases);

/* Returns the lock or directory at a path, or NULL. Holdings there whose leases are over are ended first. */
struct mem_entry *memory_find_entry(struct memory_backend *memory, const char *path);

/* Returns the holding that memory_find_holding() finds in a lock, or NULL. Ends no lease. */
struct mem_holding *memory_choose_holding(const struct memory_backend *memory, const struct mem_lock *lock,
                                          const struct lock_claim *claim, struct holding_match match);

/*
 * Finds a holding of a key: the one that `match` means; with any, the oldest that `claim` (may be NULL) proves, else the oldest.
 * Returns 0; -ENOENT if there is none that `match` means, and the oldest is in *ret, or if the key is free; -EISDIR for a
 * directory. *ret stays as it was if there is no lock.
 */
int memory_find_holding(struct memory_backend *memory, const char *key, const struct lock_claim *claim,
                        struct holding_match match, struct mem_holding **ret);

/* Returns the default lease of a directory, or of the nearest one above that has one; else LEASE_UNSET. */
int64_t mem_dir_default_ttl(const struct mem_dir *dir);

/* Is the lease of a holding over? */
bool mem_holding_is_due(const struct mem_holding *holding, int64_t now_ns);

/* Are the leases of all holdings of a lock over? */
bool mem_lock_is_due(const struct mem_lock *lock, int64_t now_ns);

/* What a holding is like */

/* Does the claim prove that its owner has this holding? */
bool mem_holding_is_of(const struct mem_holding *holding, const struct lock_claim *claim);

/* Answers as mem_holding_is_of(), for an answer that the holder relies on: give_back() keeps the holding then. */
bool mem_holding_prove(struct mem_holding *holding, const struct lock_claim *claim);

struct lock mem_holding_describe(const struct mem_holding *holding, int64_t now_ns);

/* Answers */

/*
 * Every answer goes through one of these two, so that what was changed is in the journal before anybody knows of it. The latter calls
 * `done` with the description of `holding`, which may be NULL.
 */
void memory_answer(struct memory_backend *memory, int status, backend_done *done, void *ctx);
void memory_answer_lock(struct memory_backend *memory, int status, const struct mem_holding *holding, int64_t now_ns,
                        backend_lock_done *done, void *ctx);

/* Calls; see struct backend_ops */

void memory_acquire(struct backend *backend, struct acquisition *acquisition);
void memory_cancel(struct backend *backend, struct acquisition *acquisition);
void memory_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, backend_done *done, void *ctx);
void memory_give_back(struct backend *backend, const char *key, uint64_t token);
void memory_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, int64_t ttl_ms, int64_t modified_ms, backend_lock_done *done, void *ctx);
void memory_set_permissions(struct backend *backend, const char *key, const struct lock_claim *claim,
                            struct holding_match match, mode_t permissions, backend_lock_done *done, void *ctx);
void memory_bind(struct backend *backend, const char *key, const struct lock_claim *claim, uint64_t token,
                 backend_lock_done *done, void *ctx);
void memory_read(struct backend *backend, const char *key, const struct lock_claim *claim,
                 struct holding_match match, backend_entry_done *done, void *ctx);
void memory_write(struct backend *backend, const char *key, uint64_t token, off_t offset, const void *data,
                  size_t size, backend_done *done, void *ctx);
void memory_truncate(struct backend *backend, const char *key, const struct lock_claim *claim,
                     struct holding_match match, off_t size, backend_lock_done *done, void *ctx);
void memory_list(struct backend *backend, struct listing *listing);
void memory_list_end(struct backend *backend, struct listing *listing);
void memory_make_dir(struct backend *backend, const char *path, const struct dir_info *info, backend_done *done,
                     void *ctx);
void memory_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx);
void memory_configure_dir(struct backend *backend, const char *path, unsigned int which, const struct dir_info *info,
                          backend_done *done, void *ctx);

#endif
