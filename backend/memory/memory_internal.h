/*
 * What the files of the memory backend share: its struct, the life of holdings (lifecycle.c), what a
 * lock is like (lock_state.c), and the calls of the table in memory.c.
 *
 * A call begins with memory_expire_due(), and finds locks by memory_find_lock() or memory_find_entry()
 * only, so that no call sees a lock whose lease is over.
 */
#ifndef BACKEND_MEMORY_MEMORY_INTERNAL_H
#define BACKEND_MEMORY_MEMORY_INTERNAL_H

#include <stddef.h>

#include "backend/memory/queue.h"
#include "backend/memory/tree.h"
#include "backend/util/container_of.h"
#include "backend/util/deadlines.h"
#include "lockfs/backend.h"

struct memory_backend {
	struct backend base;
	struct mem_tree tree;
	struct deadlines leases;  /* of all locks that expire */
	struct mem_queue *queues; /* of all keys that are waited for */
	uint64_t last_token;      /* of the last acquisition */
	int64_t lock_count;
	bool is_listening;        /* listen() asked for events */
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

/* Calls on_event; `lock` is the lock that the event is about, or NULL. */
void memory_publish_event(struct memory_backend *memory, enum lock_event_kind kind, const char *key,
                          const struct mem_lock *lock);

/* Makes the lock of an acquisition whose key is free. Returns 0 and the lock, -ENOMEM, or the error of the quota. */
int memory_grant(struct memory_backend *memory, struct mem_dir *parent, const struct acquisition *acquisition,
                 int64_t now_ns, struct mem_lock **ret);

/* Ends a holding, frees its lock, and grants the key to the first waiter that can have it; `why` is the event. */
void memory_end_holding(struct memory_backend *memory, struct mem_lock *lock, enum lock_event_kind why);

/* Restarts the lease of a lock that expires. */
void memory_restart_lease(struct memory_backend *memory, struct mem_lock *lock, int64_t now_ns);

/* Ends up to 16 leases that are over. Returns the time of CLOCK_BOOTTIME. */
int64_t memory_expire_due(struct memory_backend *memory);

/* Called by the timer: ends up to 1000 leases that are over, and sets the timer for the next one. */
void memory_on_lease_due(struct deadlines *leases);

/* Returns the lock or directory at a path, or NULL. A lock there whose lease is over is ended first. */
struct mem_entry *memory_find_entry(struct memory_backend *memory, const char *path);

/*
 * Finds the lock at a key. Returns 0 if it is the holding that `match` means; -ENOENT if it is another, which
 * is in *ret, or if the key is free; -EISDIR for a directory. *ret stays as it was if there is no lock.
 */
int memory_find_lock(struct memory_backend *memory, const char *key, struct holding_match match,
                     struct mem_lock **ret);

/* Returns the default lease of a directory, or of the nearest one above that has one; else LEASE_UNSET. */
int64_t mem_dir_default_ttl(const struct mem_dir *dir);

/* Is the lease of a lock over? */
bool mem_lock_is_due(const struct mem_lock *lock, int64_t now_ns);

/* What a lock is like */

/* Does the claim prove that its owner holds this lock? */
bool mem_lock_is_held_by(const struct mem_lock *lock, const struct lock_claim *claim);

/* Answers as mem_lock_is_held_by(), for an answer that the holder relies on: give_back() keeps the lock then. */
bool mem_lock_prove(struct mem_lock *lock, const struct lock_claim *claim);

struct lock mem_lock_describe(const struct mem_lock *lock, int64_t now_ns);

/* Calls `done` with the status and the description of `lock`, which may be NULL. */
void memory_answer_lock(int status, const struct mem_lock *lock, int64_t now_ns, backend_lock_done *done, void *ctx);

/* Calls; see struct backend_ops */

void memory_acquire(struct backend *backend, struct acquisition *acquisition);
void memory_cancel(struct backend *backend, struct acquisition *acquisition);
void memory_release(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, backend_done *done, void *ctx);
void memory_give_back(struct backend *backend, const char *key, uint64_t token);
void memory_refresh(struct backend *backend, const char *key, const struct lock_claim *claim,
                    struct holding_match match, int64_t ttl_ms, backend_lock_done *done, void *ctx);
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
