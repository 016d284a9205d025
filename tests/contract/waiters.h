/* Helpers for tests with waiters: making them, and checking which of them has the lock. */
#ifndef TESTS_CONTRACT_WAITERS_H
#define TESTS_CONTRACT_WAITERS_H

#include "tests/contract/judging.h"

#define HANDED_LATE_MS 300 /* how late the next waiter may be granted a key after a lease has ended */

static struct answer *start(struct mount *mount, struct answer *answer)
{
	backend_acquire(mount->backend, &answer->acquisition);
	return answer;
}

static struct answer *start_acquire_how(struct mount *mount, const char *key, const struct lock_claim *claim,
                                        int64_t ttl_ms, unsigned int how)
{
	const struct lock_holder holder = holder_of(claim);

	return start(mount, plan_acquire(mount, key, &holder, ttl_ms, how));
}

static struct answer *acquire_how(struct mount *mount, const char *key, const struct lock_claim *claim,
                                  int64_t ttl_ms, unsigned int how)
{
	return wait_for(mount, start_acquire_how(mount, key, claim, ttl_ms, how));
}

/* A claim of its own for each number. Its id lives until eight more are made. */
static struct lock_claim nth(size_t number)
{
	static char ids[8][24];
	static size_t next;
	char *id = ids[next++ % COUNT(ids)];

	snprintf(id, sizeof(ids[0]), "waiter-%zu", number);
	return (struct lock_claim){ .id = id };
}

/* Waiters keep their claims for as long as they wait, so each answer has its own. */
static struct answer *start_wait(struct mount *mount, const char *key, size_t number)
{
	const struct lock_claim claim = nth(number);
	const struct lock_holder holder = holder_of(&claim);
	struct answer *answer = plan_acquire(mount, key, &holder, LONG_MS, WAITS);

	answer->names = need(strdup(claim.id));
	answer->acquisition.holder.claim.id = answer->names;
	return start(mount, answer);
}

static void start_waits(struct mount *mount, const char *key, struct answer **waiters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		waiters[i] = start_wait(mount, key, i);
}

/* Waits until a held key has this many waiters. */
static void expect_waiters(struct mount *mount, const char *key, uint64_t count)
{
	int64_t until_ns = boot_ns() + DEADLINE_NS;

	while (see(mount, key)->waiters != count && boot_ns() < until_ns)
		sleep_until(boot_ns() + NS_PER_MS);
	assert_int_equal(see(mount, key)->waiters, count);
}

/* Checks that none of these is answered. */
static void expect_waiting(struct answer *const *waiters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(waiters[i]->calls, 0);
}

/* Checks that this waiter has the lock now. */
static const struct lock *expect_handed(struct mount *mount, struct answer *waiter)
{
	const struct lock *lock = expect(0, wait_for(mount, waiter))->lock;

	assert_sound(lock);
	assert_int_equal(lock->ttl_ms, LONG_MS);
	assert_string_equal(lock->holder.claim.id, waiter->acquisition.holder.claim.id);
	assert_string_equal(see(mount, waiter->key)->holder.claim.id, lock->holder.claim.id);
	assert_int_equal(see(mount, waiter->key)->token, lock->token);
	return lock;
}

static struct answer *start_release(struct mount *mount, const char *key, const struct lock_claim *claim)
{
	struct answer *answer = answer_new(mount, key);

	backend_release(mount->backend, answer->key, claim, match_any(), on_done, answer);
	return answer;
}

/* Releases the lock that a waiter was granted. */
static void give_on(struct mount *mount, const struct answer *waiter)
{
	expect(0, release(mount, waiter->key, &waiter->acquisition.holder.claim, waiter->lock->token));
}

/* Checks that these are granted the key in this order, and that the last one leaves it free. */
static void expect_handed_on(struct mount *mount, struct answer *const *waiters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		expect_handed(mount, waiters[i]);
		expect_waiting(waiters + i + 1, count - i - 1);
		give_on(mount, waiters[i]);
	}
	expect(-ENOENT, look(mount, waiters[0]->key));
}

#endif
