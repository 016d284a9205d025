/*
 * Calls of a backend as if it answered at once: each runs the loop until the answer has come. Calls whose
 * name begins with start_ return before.
 */
#ifndef TESTS_CONTRACT_CALLS_H
#define TESTS_CONTRACT_CALLS_H

#include "tests/contract/answers.h"

static struct answer *answer_new(struct mount *mount, const char *key)
{
	struct answer *answer = need(calloc(1, sizeof(*answer)));

	answer->status = NOT_ANSWERED;
	answer->key = need(strdup(key));
	answer->next = mount->answers;
	mount->answers = answer;
	return answer;
}

/* Flags of an acquisition: bits for the fields of these names. */
enum { PLAIN = 0, WAITS = 1 << 0, ANEW = 1 << 1, BOUND = 1 << 2 };

/* Prepares an acquisition without calling the backend. */
static struct answer *plan_acquire(struct mount *mount, const char *key, const struct lock_holder *holder,
                                   int64_t ttl_ms, unsigned int how)
{
	struct answer *answer = answer_new(mount, key);

	answer->acquisition = (struct acquisition){
		.key = answer->key,
		.holder = *holder,
		.ttl_ms = ttl_ms,
		.fallback_ttl_ms = FALLBACK_TTL_MS,
		.waits = how & WAITS,
		.exclusive_even_for_me = how & ANEW,
		.bound = how & BOUND,
		.done = on_lock_done,
		.ctx = answer,
	};
	return answer;
}

static struct answer *start_acquire_as(struct mount *mount, const char *key, const struct lock_holder *holder,
                                       int64_t ttl_ms)
{
	struct answer *answer = plan_acquire(mount, key, holder, ttl_ms, PLAIN);

	backend_acquire(mount->backend, &answer->acquisition);
	return answer;
}

/* A holder with this claim. */
static struct lock_holder holder_of(const struct lock_claim *claim)
{
	return (struct lock_holder){
		.claim = *claim,
		.user = "alice",
		.host = "earth",
		.mount_point_id = "earth:/locks",
		.command = "make check",
		.pid = 4711,
		.uid = 1000,
		.gid = 100,
	};
}

static struct answer *start_acquire(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    int64_t ttl_ms)
{
	const struct lock_holder holder = holder_of(claim);

	return start_acquire_as(mount, key, &holder, ttl_ms);
}

static struct answer *acquire(struct mount *mount, const char *key, const struct lock_claim *claim,
                              int64_t ttl_ms)
{
	return wait_for(mount, start_acquire(mount, key, claim, ttl_ms));
}

/* Token 0 means any holding in these tests, most of which are about the only one. */
static struct holding_match match_of(uint64_t token)
{
	return token ? match_token(token) : match_any();
}

static struct answer *release_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    struct holding_match match)
{
	struct answer *answer = answer_new(mount, key);

	backend_release(mount->backend, answer->key, claim, match, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *release(struct mount *mount, const char *key, const struct lock_claim *claim,
                              uint64_t token)
{
	return release_match(mount, key, claim, match_of(token));
}

static struct answer *force(struct mount *mount, const char *key)
{
	return release(mount, key, NULL, 0);
}

static struct answer *refresh_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    struct holding_match match, int64_t ttl_ms)
{
	struct answer *answer = answer_new(mount, key);

	backend_refresh(mount->backend, answer->key, claim, match, ttl_ms, TIME_UNSET, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *refresh(struct mount *mount, const char *key, const struct lock_claim *claim,
                              uint64_t token, int64_t ttl_ms)
{
	return refresh_match(mount, key, claim, match_of(token), ttl_ms);
}

static struct answer *start_look(struct mount *mount, const char *key)
{
	struct answer *answer = answer_new(mount, key);

	backend_read(mount->backend, answer->key, on_entry_done, answer);
	return answer;
}

static struct answer *look(struct mount *mount, const char *key)
{
	return wait_for(mount, start_look(mount, key));
}

static struct answer *store(struct mount *mount, const char *key, uint64_t token, off_t offset,
                            const void *data, size_t size)
{
	struct answer *answer = answer_new(mount, key);

	backend_write(mount->backend, answer->key, token, offset, data, size, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *cut_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                struct holding_match match, off_t size)
{
	struct answer *answer = answer_new(mount, key);

	backend_truncate(mount->backend, answer->key, claim, match, size, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *cut(struct mount *mount, const char *key, const struct lock_claim *claim,
                          uint64_t token, off_t size)
{
	return cut_match(mount, key, claim, match_of(token), size);
}

/* Reads the next page of a listing. */
static struct answer *list_more(struct mount *mount, struct answer *answer)
{
	answer->calls = 0;
	backend_list(mount->backend, &answer->listing);
	return wait_for(mount, answer);
}

static struct answer *list(struct mount *mount, const char *path)
{
	struct answer *answer = answer_new(mount, path);

	answer->listing = (struct listing){ .path = answer->key, .done = on_list_done, .ctx = answer };
	list_more(mount, answer);
	while (answer->status == 0 && answer->listing.more)
		list_more(mount, answer);
	if (answer->status == 0)
		answer->names = names_print(answer->items, answer->item_count);
	return answer;
}

/* The settings that directories are made with, and others to change them to. */
static const struct dir_info plain_dir = { .mode = 0755, .uid = 1000, .gid = 100 };
static const struct dir_info other_dir = { .mode = 0700, .uid = 77, .gid = 88, .default_ttl_ms = LONG_MS };

static struct answer *make_dir_as(struct mount *mount, const char *path, const struct dir_info *info)
{
	struct answer *answer = answer_new(mount, path);

	backend_make_dir(mount->backend, answer->key, info, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *make_dir(struct mount *mount, const char *path)
{
	return make_dir_as(mount, path, &plain_dir);
}

static struct answer *remove_dir(struct mount *mount, const char *path)
{
	struct answer *answer = answer_new(mount, path);

	backend_remove_dir(mount->backend, answer->key, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *configure(struct mount *mount, const char *path, unsigned int which,
                                const struct dir_info *info)
{
	struct answer *answer = answer_new(mount, path);

	backend_configure_dir(mount->backend, answer->key, which, info, on_done, answer);
	return wait_for(mount, answer);
}

/*
 * Waits until a lease is over, without running the loop, so that the backend has not seen the end. It counts
 * from the answer, which is when the lease began at the latest.
 */
static void let_pass(const struct answer *held)
{
	sleep_until(held->at_ns + (held->lock->ttl_ms + 2) * NS_PER_MS);
}

/* Acquires a lock and waits until its lease is over, without the backend seeing the end. */
static const struct lock *acquire_expired(struct mount *mount, const char *key,
                                          const struct lock_claim *claim)
{
	const struct answer *held = expect(0, acquire(mount, key, claim, SHORT_MS));

	let_pass(held);
	return held->lock;
}

#endif
