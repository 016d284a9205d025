/* The third table: who shares a lock and who waits for it, and calls on that lock. Each cell is a test. */
#ifndef TESTS_CONTRACT_SHARED_STATES_H
#define TESTS_CONTRACT_SHARED_STATES_H

#include "tests/contract/shared.h"

/* Numbers of readers. */
#define CALLER 0
#define FIRST_OTHER 1
#define WAITING 9

#define TOKEN_OF_NONE 1 /* no holding has it */

enum sharing {
	SHARED_BY_NONE,
	SHARED_BY_ME,
	SHARED_BY_OTHERS,
	SHARED_BY_BOTH,
	EXCLUSIVE_MINE,
	EXCLUSIVE_THEIRS,
	BY_ME_BEFORE_WRITER,
	BY_OTHERS_BEFORE_WRITER,
	MINE_BEFORE_READER,
	THEIRS_BEFORE_READER,
	BY_BOTH_BEFORE_CONVERSION,
	SHARINGS,
};

/* The others come first, so that the oldest holding is theirs if they have any. */
static const struct sharing_state {
	const char *name;
	enum lock_mode mode;
	size_t others; /* holdings of others */
	bool mine;     /* a holding of the caller */
	enum { NO_WAITER, WRITER, READER, CONVERSION } waiter;
} sharing_states[SHARINGS] = {
	[SHARED_BY_NONE] = { "free", LOCK_SHARED, 0, false, NO_WAITER },
	[SHARED_BY_ME] = { "shared by me", LOCK_SHARED, 0, true, NO_WAITER },
	[SHARED_BY_OTHERS] = { "shared by others", LOCK_SHARED, 2, false, NO_WAITER },
	[SHARED_BY_BOTH] = { "shared by others and me", LOCK_SHARED, 2, true, NO_WAITER },
	[EXCLUSIVE_MINE] = { "exclusive, mine", LOCK_EXCLUSIVE, 0, true, NO_WAITER },
	[EXCLUSIVE_THEIRS] = { "exclusive, another's", LOCK_EXCLUSIVE, 1, false, NO_WAITER },
	[BY_ME_BEFORE_WRITER] = { "shared by me, a writer waits", LOCK_SHARED, 0, true, WRITER },
	[BY_OTHERS_BEFORE_WRITER] = { "shared by others, a writer waits", LOCK_SHARED, 2, false, WRITER },
	[MINE_BEFORE_READER] = { "exclusive, mine, a reader waits", LOCK_EXCLUSIVE, 0, true, READER },
	[THEIRS_BEFORE_READER] = { "exclusive, another's, a reader waits", LOCK_EXCLUSIVE, 1, false, READER },
	[BY_BOTH_BEFORE_CONVERSION] = { "shared by others and me, another converts", LOCK_SHARED, 2, true, CONVERSION },
};

/* A lock that was brought into a state. */
struct shared_lock {
	const struct answer *oldest; /* NULL: nobody holds the lock */
	const struct answer *mine;   /* NULL: the caller does not */
	const struct answer *theirs; /* the oldest holding of others; NULL: they have none */
	struct answer *waiter;       /* NULL: nobody waits */
};

static struct answer *start_as(struct mount *mount, size_t number, enum lock_mode mode, unsigned int how)
{
	struct answer *answer = plan_reader(mount, number, LONG_MS, how);

	answer->acquisition.mode = mode;
	return start(mount, answer);
}

static struct answer *acquire_as(struct mount *mount, size_t number, enum lock_mode mode, unsigned int how)
{
	return wait_for(mount, start_as(mount, number, mode, how));
}

static struct answer *start_waiter(struct mount *mount, const struct sharing_state *state, const struct answer *converting)
{
	if (state->waiter == NO_WAITER)
		return NULL;
	if (state->waiter == CONVERSION)
		return start_conversion(mount, converting, LOCK_EXCLUSIVE, WAITS);
	return start_as(mount, WAITING, state->waiter == READER ? LOCK_SHARED : LOCK_EXCLUSIVE, WAITS);
}

static struct shared_lock share(struct mount *mount, const struct sharing_state *state)
{
	struct shared_lock lock = { .oldest = NULL };
	const struct answer *last = NULL;

	for (size_t i = 0; i < state->others; i++) {
		last = expect(0, acquire_as(mount, FIRST_OTHER + i, state->mode, PLAIN));
		lock.theirs = lock.theirs ? lock.theirs : last;
	}
	if (state->mine)
		lock.mine = expect(0, acquire_as(mount, CALLER, state->mode, PLAIN));
	lock.oldest = lock.theirs ? lock.theirs : lock.mine;
	lock.waiter = start_waiter(mount, state, last);
	if (lock.waiter)
		expect_waiters(mount, KEY, 1);
	return lock;
}

static uint64_t token_of(const struct answer *held)
{
	return held ? held->lock->token : TOKEN_OF_NONE;
}

/* The caller's claim. */
static const struct lock_claim my_claim = { .id = "reader-0" };

static struct answer *share_acquire(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return acquire_as(mount, CALLER, LOCK_SHARED, PLAIN);
}

static struct answer *share_acquire_more(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return acquire_as(mount, CALLER, LOCK_SHARED, ANEW);
}

static struct answer *share_acquire_exclusive(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return acquire_as(mount, CALLER, LOCK_EXCLUSIVE, PLAIN);
}

static struct answer *share_acquire_exclusive_more(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return acquire_as(mount, CALLER, LOCK_EXCLUSIVE, ANEW);
}

/* Converts a holding in the name of the caller. */
static struct answer *convert_token(struct mount *mount, uint64_t token, enum lock_mode mode, unsigned int how)
{
	struct answer *answer = plan_reader(mount, CALLER, LONG_MS, how);

	answer->acquisition.mode = mode;
	answer->acquisition.replaces = token;
	return wait_for(mount, start(mount, answer));
}

static struct answer *share_convert_to_exclusive(struct mount *mount, const struct shared_lock *lock)
{
	return convert_token(mount, token_of(lock->mine), LOCK_EXCLUSIVE, PLAIN);
}

static struct answer *share_convert_to_shared(struct mount *mount, const struct shared_lock *lock)
{
	return convert_token(mount, token_of(lock->mine), LOCK_SHARED, WAITS);
}

static struct answer *share_convert_theirs(struct mount *mount, const struct shared_lock *lock)
{
	return convert_token(mount, token_of(lock->theirs), LOCK_EXCLUSIVE, WAITS);
}

static struct answer *share_release(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return release(mount, KEY, &my_claim, 0);
}

static struct answer *share_release_mine(struct mount *mount, const struct shared_lock *lock)
{
	return release(mount, KEY, &my_claim, token_of(lock->mine));
}

static struct answer *share_release_theirs(struct mount *mount, const struct shared_lock *lock)
{
	return release(mount, KEY, &my_claim, token_of(lock->theirs));
}

static struct answer *share_force(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return force(mount, KEY);
}

static struct answer *share_force_theirs(struct mount *mount, const struct shared_lock *lock)
{
	return release(mount, KEY, NULL, token_of(lock->theirs));
}

static struct answer *share_refresh(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return refresh(mount, KEY, &my_claim, 0, LEASE_UNSET);
}

static struct answer *share_refresh_theirs(struct mount *mount, const struct shared_lock *lock)
{
	return refresh(mount, KEY, &my_claim, token_of(lock->theirs), LEASE_UNSET);
}

static struct answer *bind_token(struct mount *mount, uint64_t token)
{
	struct answer *answer = answer_new(mount, KEY);

	backend_bind(mount->backend, KEY, &my_claim, token, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *share_bind(struct mount *mount, const struct shared_lock *lock)
{
	return bind_token(mount, token_of(lock->mine));
}

static struct answer *share_bind_theirs(struct mount *mount, const struct shared_lock *lock)
{
	return bind_token(mount, token_of(lock->theirs));
}

static struct answer *share_read(struct mount *mount, const struct shared_lock *lock)
{
	struct answer *answer = answer_new(mount, KEY);

	(void)lock;
	backend_read_as(mount->backend, KEY, &my_claim, match_any(), on_entry_done, answer);
	return wait_for(mount, answer);
}

static struct answer *share_write(struct mount *mount, const struct shared_lock *lock)
{
	return store(mount, KEY, token_of(lock->mine), 0, "text", 4);
}

static struct answer *share_truncate(struct mount *mount, const struct shared_lock *lock)
{
	(void)lock;
	return cut(mount, KEY, &my_claim, 0, 2);
}

/* Which holding the lock in an answer of 0 is. */
enum shown { SHOWS_NONE, SHOWS_NEW, SHOWS_MINE, SHOWS_MINE_OR_OLDEST };

/* How a call leaves a lock in a state. */
struct outcome {
	int status;
	/* Of a status other than 0, whose lock is as before, these are not read. */
	uint64_t holders;    /* 0: the lock is free */
	enum lock_mode mode; /* of a lock that is held */
	enum { WAITS_ON, SERVED, LOST } waiter;
};

#define FREED { 0, 0, LOCK_SHARED, WAITS_ON }
#define SHARED_WITH(count) { 0, (count), LOCK_SHARED, WAITS_ON }
#define EXCLUSIVE_NOW { 0, 1, LOCK_EXCLUSIVE, WAITS_ON }
#define WRITER_SERVED { 0, 1, LOCK_EXCLUSIVE, SERVED }
#define READER_SERVED(count) { 0, (count), LOCK_SHARED, SERVED }
#define REFUSED(error) { (error), 0, LOCK_SHARED, WAITS_ON }

static const struct sharing_call {
	const char *name;
	struct answer *(*ask)(struct mount *mount, const struct shared_lock *lock);
	enum shown shows;
	struct outcome outcomes[SHARINGS];
} sharing_calls[] = {
	{ "acquire shared", share_acquire, SHOWS_NEW, {
		[SHARED_BY_NONE] = SHARED_WITH(1),
		[SHARED_BY_ME] = REFUSED(-EEXIST),
		[SHARED_BY_OTHERS] = SHARED_WITH(3),
		[SHARED_BY_BOTH] = REFUSED(-EEXIST),
		[EXCLUSIVE_MINE] = REFUSED(-EEXIST),
		[EXCLUSIVE_THEIRS] = REFUSED(-EBUSY),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EEXIST),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EBUSY),
		[MINE_BEFORE_READER] = REFUSED(-EEXIST),
		[THEIRS_BEFORE_READER] = REFUSED(-EBUSY),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EEXIST),
	} },
	{ "acquire one more shared", share_acquire_more, SHOWS_NEW, {
		[SHARED_BY_NONE] = SHARED_WITH(1),
		[SHARED_BY_ME] = SHARED_WITH(2),
		[SHARED_BY_OTHERS] = SHARED_WITH(3),
		[SHARED_BY_BOTH] = SHARED_WITH(4),
		[EXCLUSIVE_MINE] = REFUSED(-EBUSY),
		[EXCLUSIVE_THEIRS] = REFUSED(-EBUSY),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EBUSY),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EBUSY),
		[MINE_BEFORE_READER] = REFUSED(-EBUSY),
		[THEIRS_BEFORE_READER] = REFUSED(-EBUSY),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EBUSY),
	} },
	{ "acquire exclusive", share_acquire_exclusive, SHOWS_NEW, {
		[SHARED_BY_NONE] = EXCLUSIVE_NOW,
		[SHARED_BY_ME] = REFUSED(-EEXIST),
		[SHARED_BY_OTHERS] = REFUSED(-EBUSY),
		[SHARED_BY_BOTH] = REFUSED(-EEXIST),
		[EXCLUSIVE_MINE] = REFUSED(-EEXIST),
		[EXCLUSIVE_THEIRS] = REFUSED(-EBUSY),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EEXIST),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EBUSY),
		[MINE_BEFORE_READER] = REFUSED(-EEXIST),
		[THEIRS_BEFORE_READER] = REFUSED(-EBUSY),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EEXIST),
	} },
	{ "acquire one more exclusive", share_acquire_exclusive_more, SHOWS_NEW, {
		[SHARED_BY_NONE] = EXCLUSIVE_NOW,
		[SHARED_BY_ME] = REFUSED(-EBUSY),
		[SHARED_BY_OTHERS] = REFUSED(-EBUSY),
		[SHARED_BY_BOTH] = REFUSED(-EBUSY),
		[EXCLUSIVE_MINE] = REFUSED(-EBUSY),
		[EXCLUSIVE_THEIRS] = REFUSED(-EBUSY),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EBUSY),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EBUSY),
		[MINE_BEFORE_READER] = REFUSED(-EBUSY),
		[THEIRS_BEFORE_READER] = REFUSED(-EBUSY),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EBUSY),
	} },
	{ "convert to exclusive", share_convert_to_exclusive, SHOWS_NEW, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = EXCLUSIVE_NOW,
		[SHARED_BY_OTHERS] = REFUSED(-ENOENT),
		[SHARED_BY_BOTH] = REFUSED(-EBUSY),
		[EXCLUSIVE_MINE] = REFUSED(-EINVAL),
		[EXCLUSIVE_THEIRS] = REFUSED(-ENOENT),
		[BY_ME_BEFORE_WRITER] = EXCLUSIVE_NOW,
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-ENOENT),
		[MINE_BEFORE_READER] = REFUSED(-EINVAL),
		[THEIRS_BEFORE_READER] = REFUSED(-ENOENT),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EBUSY),
	} },
	{ "convert to shared", share_convert_to_shared, SHOWS_NEW, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-EINVAL),
		[SHARED_BY_OTHERS] = REFUSED(-ENOENT),
		[SHARED_BY_BOTH] = REFUSED(-EINVAL),
		[EXCLUSIVE_MINE] = SHARED_WITH(1),
		[EXCLUSIVE_THEIRS] = REFUSED(-ENOENT),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EINVAL),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-ENOENT),
		[MINE_BEFORE_READER] = READER_SERVED(2),
		[THEIRS_BEFORE_READER] = REFUSED(-ENOENT),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EINVAL),
	} },
	{ "convert another's", share_convert_theirs, SHOWS_NEW, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-ENOENT),
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = REFUSED(-EPERM),
		[EXCLUSIVE_MINE] = REFUSED(-ENOENT),
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = REFUSED(-ENOENT),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = REFUSED(-ENOENT),
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EPERM),
	} },
	{ "release", share_release, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = FREED,
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = SHARED_WITH(2),
		[EXCLUSIVE_MINE] = FREED,
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = WRITER_SERVED,
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = READER_SERVED(1),
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(2),
	} },
	{ "release of mine by its token", share_release_mine, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = FREED,
		[SHARED_BY_OTHERS] = REFUSED(-ENOENT),
		[SHARED_BY_BOTH] = SHARED_WITH(2),
		[EXCLUSIVE_MINE] = FREED,
		[EXCLUSIVE_THEIRS] = REFUSED(-ENOENT),
		[BY_ME_BEFORE_WRITER] = WRITER_SERVED,
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-ENOENT),
		[MINE_BEFORE_READER] = READER_SERVED(1),
		[THEIRS_BEFORE_READER] = REFUSED(-ENOENT),
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(2),
	} },
	{ "release of another's by its token", share_release_theirs, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-ENOENT),
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = REFUSED(-EPERM),
		[EXCLUSIVE_MINE] = REFUSED(-ENOENT),
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = REFUSED(-ENOENT),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = REFUSED(-ENOENT),
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EPERM),
	} },
	{ "forced release", share_force, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = FREED,
		[SHARED_BY_OTHERS] = FREED,
		[SHARED_BY_BOTH] = FREED,
		[EXCLUSIVE_MINE] = FREED,
		[EXCLUSIVE_THEIRS] = FREED,
		[BY_ME_BEFORE_WRITER] = WRITER_SERVED,
		[BY_OTHERS_BEFORE_WRITER] = WRITER_SERVED,
		[MINE_BEFORE_READER] = READER_SERVED(1),
		[THEIRS_BEFORE_READER] = READER_SERVED(1),
		[BY_BOTH_BEFORE_CONVERSION] = { 0, 0, LOCK_SHARED, LOST },
	} },
	{ "forced release of another's by its token", share_force_theirs, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-ENOENT),
		[SHARED_BY_OTHERS] = SHARED_WITH(1),
		[SHARED_BY_BOTH] = SHARED_WITH(2),
		[EXCLUSIVE_MINE] = REFUSED(-ENOENT),
		[EXCLUSIVE_THEIRS] = FREED,
		[BY_ME_BEFORE_WRITER] = REFUSED(-ENOENT),
		[BY_OTHERS_BEFORE_WRITER] = SHARED_WITH(1),
		[MINE_BEFORE_READER] = REFUSED(-ENOENT),
		[THEIRS_BEFORE_READER] = READER_SERVED(1),
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(2),
	} },
	{ "refresh", share_refresh, SHOWS_MINE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = SHARED_WITH(1),
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = SHARED_WITH(3),
		[EXCLUSIVE_MINE] = EXCLUSIVE_NOW,
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = SHARED_WITH(1),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = EXCLUSIVE_NOW,
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(3),
	} },
	{ "refresh of another's by its token", share_refresh_theirs, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-ENOENT),
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = REFUSED(-EPERM),
		[EXCLUSIVE_MINE] = REFUSED(-ENOENT),
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = REFUSED(-ENOENT),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = REFUSED(-ENOENT),
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EPERM),
	} },
	{ "bind", share_bind, SHOWS_MINE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = SHARED_WITH(1),
		[SHARED_BY_OTHERS] = REFUSED(-ENOENT),
		[SHARED_BY_BOTH] = SHARED_WITH(3),
		[EXCLUSIVE_MINE] = EXCLUSIVE_NOW,
		[EXCLUSIVE_THEIRS] = REFUSED(-ENOENT),
		[BY_ME_BEFORE_WRITER] = SHARED_WITH(1),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-ENOENT),
		[MINE_BEFORE_READER] = EXCLUSIVE_NOW,
		[THEIRS_BEFORE_READER] = REFUSED(-ENOENT),
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(3),
	} },
	{ "bind of another's", share_bind_theirs, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-ENOENT),
		[SHARED_BY_OTHERS] = REFUSED(-EPERM),
		[SHARED_BY_BOTH] = REFUSED(-EPERM),
		[EXCLUSIVE_MINE] = REFUSED(-ENOENT),
		[EXCLUSIVE_THEIRS] = REFUSED(-EPERM),
		[BY_ME_BEFORE_WRITER] = REFUSED(-ENOENT),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EPERM),
		[MINE_BEFORE_READER] = REFUSED(-ENOENT),
		[THEIRS_BEFORE_READER] = REFUSED(-EPERM),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EPERM),
	} },
	{ "read", share_read, SHOWS_MINE_OR_OLDEST, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = SHARED_WITH(1),
		[SHARED_BY_OTHERS] = SHARED_WITH(2),
		[SHARED_BY_BOTH] = SHARED_WITH(3),
		[EXCLUSIVE_MINE] = EXCLUSIVE_NOW,
		[EXCLUSIVE_THEIRS] = EXCLUSIVE_NOW,
		[BY_ME_BEFORE_WRITER] = SHARED_WITH(1),
		[BY_OTHERS_BEFORE_WRITER] = SHARED_WITH(2),
		[MINE_BEFORE_READER] = EXCLUSIVE_NOW,
		[THEIRS_BEFORE_READER] = EXCLUSIVE_NOW,
		[BY_BOTH_BEFORE_CONVERSION] = SHARED_WITH(3),
	} },
	{ "write", share_write, SHOWS_NONE, {
		[SHARED_BY_NONE] = REFUSED(-ESTALE),
		[SHARED_BY_ME] = REFUSED(-EBUSY),
		[SHARED_BY_OTHERS] = REFUSED(-ESTALE),
		[SHARED_BY_BOTH] = REFUSED(-EBUSY),
		[EXCLUSIVE_MINE] = EXCLUSIVE_NOW,
		[EXCLUSIVE_THEIRS] = REFUSED(-ESTALE),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EBUSY),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-ESTALE),
		[MINE_BEFORE_READER] = EXCLUSIVE_NOW,
		[THEIRS_BEFORE_READER] = REFUSED(-ESTALE),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EBUSY),
	} },
	{ "truncate", share_truncate, SHOWS_MINE, {
		[SHARED_BY_NONE] = REFUSED(-ENOENT),
		[SHARED_BY_ME] = REFUSED(-EBUSY),
		[SHARED_BY_OTHERS] = REFUSED(-EBUSY),
		[SHARED_BY_BOTH] = REFUSED(-EBUSY),
		[EXCLUSIVE_MINE] = EXCLUSIVE_NOW,
		[EXCLUSIVE_THEIRS] = REFUSED(-EBUSY),
		[BY_ME_BEFORE_WRITER] = REFUSED(-EBUSY),
		[BY_OTHERS_BEFORE_WRITER] = REFUSED(-EBUSY),
		[MINE_BEFORE_READER] = EXCLUSIVE_NOW,
		[THEIRS_BEFORE_READER] = REFUSED(-EBUSY),
		[BY_BOTH_BEFORE_CONVERSION] = REFUSED(-EBUSY),
	} },
};

struct sharing_cell {
	const struct sharing_state *state;
	const struct sharing_call *call;
	const struct outcome *outcome;
};

/* Checks which holding the lock in an answer is. */
static void check_shown(const struct answer *answer, enum shown shows, const struct shared_lock *lock)
{
	const struct answer *shown = shows == SHOWS_MINE_OR_OLDEST && !lock->mine ? lock->oldest : lock->mine;

	if (answer->status == -EEXIST || answer->status == -EBUSY)
		shown = answer->status == -EEXIST ? lock->mine : lock->oldest;
	else if (answer->status != 0 || shows == SHOWS_NONE)
		shown = NULL;
	else if (shows == SHOWS_NEW)
		assert_true(answer->lock->token > token_of(lock->mine) && answer->lock->token > token_of(lock->oldest));
	/* A refused write or truncation gives no lock. */
	if (answer->lock && (answer->status != 0 || shows != SHOWS_NEW))
		assert_int_equal(answer->lock->token, token_of(shown));
	if (answer->status == 0)
		assert_int_equal(!answer->lock, shows == SHOWS_NONE);
	if (shows == SHOWS_NEW && (answer->status == -EEXIST || answer->status == -EBUSY))
		assert_non_null(answer->lock);
}

/* Checks a lock that a call has refused: it is as before. */
static void check_unchanged(struct mount *mount, const struct sharing_state *state, const struct shared_lock *lock,
                            const struct lock *before)
{
	const struct lock *after = look(mount, KEY)->lock;

	assert_int_equal(!after, !before);
	if (!after)
		return;
	assert_same_lock(before, after);
	expect_holders(mount, state->mode, state->others + state->mine);
	if (lock->mine)
		assert_same_lease(lock->mine->lock, expect(0, share_read(mount, lock))->lock);
}

static void check_waiter(struct mount *mount, struct answer *waiter, const struct outcome *outcome)
{
	if (!waiter)
		return;
	if (outcome->waiter == WAITS_ON) {
		expect_waiting(&waiter, 1);
		expect_waiters(mount, KEY, 1);
		return;
	}
	expect(outcome->waiter == SERVED ? 0 : -ENOENT, wait_for(mount, waiter));
}

static void test_sharing_cell(void **state)
{
	struct mount *mount = *state;
	const struct sharing_cell *cell = mount->row;
	const struct outcome *outcome = cell->outcome;
	const struct shared_lock lock = share(mount, cell->state);
	const struct lock *before = look(mount, KEY)->lock;
	const struct answer *answer = expect(outcome->status, cell->call->ask(mount, &lock));

	check_shown(answer, cell->call->shows, &lock);
	check_waiter(mount, lock.waiter, outcome);
	if (outcome->status != 0)
		check_unchanged(mount, cell->state, &lock, before);
	else if (outcome->holders > 0)
		expect_holders(mount, outcome->mode, outcome->holders);
	else
		expect(-ENOENT, look(mount, KEY));
}

static struct sharing_cell sharing_cells[SHARINGS * COUNT(sharing_calls)];

static void add_sharing_cells(void)
{
	struct sharing_cell *cell = sharing_cells;

	for (size_t state = 0; state < SHARINGS; state++) {
		for (size_t call = 0; call < COUNT(sharing_calls); call++, cell++) {
			*cell = (struct sharing_cell){
				&sharing_states[state], &sharing_calls[call], &sharing_calls[call].outcomes[state],
			};
			add(test_sharing_cell, cell, "%s: %s", cell->state->name, cell->call->name);
		}
	}
}

#endif
