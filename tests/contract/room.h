/* Directories with a limit: how many locks they have, and who waits for room. */
#ifndef TESTS_CONTRACT_ROOM_H
#define TESTS_CONTRACT_ROOM_H

#include "tests/contract/sharing.h"

#define MANY_ROOM 1000

static struct answer *limit(struct mount *mount, const char *path, uint32_t most)
{
	const struct dir_info *info = &(struct dir_info){ .limit = most };

	return configure(mount, path, DIR_LIMIT, info);
}

/* Makes the directory "pool" with a limit. */
static void make_pool(struct mount *mount, uint32_t most)
{
	expect(0, make_dir(mount, "pool"));
	expect(0, limit(mount, "pool", most));
}

static const struct dir_info *see_pool(struct mount *mount)
{
	const struct answer *answer = expect(0, look(mount, "pool"));

	assert_true(answer->is_dir);
	return &answer->dir;
}

/* Waits until this many acquisitions wait for room in "pool". */
static void expect_room_waiters(struct mount *mount, uint64_t count)
{
	int64_t until_ns = boot_ns() + DEADLINE_NS;

	while (see_pool(mount)->waiters != count && boot_ns() < until_ns)
		sleep_until(boot_ns() + NS_PER_MS);
	assert_int_equal(see_pool(mount)->waiters, count);
}

/* Checks that an acquisition was refused for want of room. */
static void expect_full(struct answer *answer)
{
	expect(-EBUSY, answer);
	assert_null(answer->lock);
}

/* Takes events until one says that this directory is full. */
static void expect_full_event(struct mount *mount, const char *path)
{
	const struct heard_event *told = next_event(mount);

	while (told->kind != EVENT_FULL)
		told = next_event(mount);
	assert_string_equal(told->key, path);
	assert_int_equal(told->token, 0);
	assert_int_equal(told->ttl_ms, LEASE_UNSET);
}

/* Starts a wait for a key of "pool" and waits until it is in the queue as the `rank`th. */
static struct answer *queue_up(struct mount *mount, const char *key, size_t number, uint64_t rank)
{
	struct answer *waiter = start_wait(mount, key, number);

	expect_room_waiters(mount, rank);
	assert_int_equal(waiter->calls, 0);
	return waiter;
}

/* As queue_up(), for keys of their own: as many as there are `waiters`. */
static void queue_up_all(struct mount *mount, struct answer **waiters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char key[32];

		snprintf(key, sizeof(key), "pool/%zu", i);
		waiters[i] = queue_up(mount, key, i, i + 1);
	}
}

/* The limit and its value */

static void test_limit_is_kept_and_removed(void **state)
{
	struct mount *mount = *state;
	const struct dir_info *seen;

	expect(0, make_dir(mount, "pool"));
	assert_int_equal(see_pool(mount)->limit, 0);
	assert_int_equal(see_pool(mount)->waiters, 0);
	expect(0, limit(mount, "pool", DIR_LIMIT_MAX));
	seen = see_pool(mount);
	assert_int_equal(seen->limit, DIR_LIMIT_MAX);
	assert_settings(seen, &plain_dir);
	assert_int_equal(seen->default_ttl_ms, LEASE_UNSET);
	expect(0, configure(mount, "pool", DIR_MODE | DIR_DEFAULT_TTL, &other_dir));
	assert_int_equal(see_pool(mount)->limit, DIR_LIMIT_MAX);
	expect(0, limit(mount, "pool", 0));
	assert_int_equal(see_pool(mount)->limit, 0);
	assert_int_equal(see_pool(mount)->default_ttl_ms, LONG_MS);
	/* A limit goes with its directory. */
	expect(0, limit(mount, "pool", 1));
	expect(0, remove_dir(mount, "pool"));
	expect(0, make_dir(mount, "pool"));
	assert_int_equal(see_pool(mount)->limit, 0);
	expect(-ENOENT, limit(mount, "nowhere", 1));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect(-ENOTDIR, limit(mount, KEY, 1));
}

static void test_full_directory_refuses(void **state)
{
	struct mount *mount = *state;
	const struct lock *held;

	make_pool(mount, 2);
	held = expect(0, acquire(mount, "pool/a", &me, LONG_MS))->lock;
	expect(0, acquire(mount, "pool/b", &they, LONG_MS));
	expect_full(acquire(mount, "pool/c", &me, LONG_MS));
	expect_full_event(mount, "pool");
	expect(-ENOENT, look(mount, "pool/c"));
	/* What is no lock more needs no room, and what is in the way is told as always. */
	expect(-EEXIST, acquire(mount, "pool/a", &me, LONG_MS));
	expect(-EBUSY, acquire(mount, "pool/a", &they, LONG_MS));
	expect(0, refresh(mount, "pool/a", &me, held->token, LEASE_UNSET));
	expect(0, make_dir(mount, "pool/dir"));
	expect(0, acquire(mount, "pool/dir/a", &me, LONG_MS));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect(0, release(mount, "pool/a", &me, 0));
	expect(0, acquire(mount, "pool/c", &me, LONG_MS));
	expect_full(acquire(mount, "pool/a", &me, LONG_MS));
}

static void test_limit_of_the_root(void **state)
{
	struct mount *mount = *state;

	expect(0, limit(mount, "", 1));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	expect_full(acquire(mount, "other", &me, LONG_MS));
	expect_full_event(mount, "");
	expect(0, limit(mount, "", 0));
	expect(0, acquire(mount, "other", &me, LONG_MS));
}

/* Locks whose leases are over take no room, however many they are. */
static void test_expired_locks_take_no_room(void **state)
{
	enum { FILLED = 50 };
	struct mount *mount = *state;
	const struct answer *last = NULL;
	char key[32];

	make_pool(mount, FILLED);
	for (int i = 0; i < FILLED; i++) {
		snprintf(key, sizeof(key), "pool/%d", i);
		last = expect(0, acquire(mount, key, &me, WORK_MS));
	}
	let_pass(last);
	for (int i = 0; i < FILLED; i++) {
		snprintf(key, sizeof(key), "pool/next-%d", i);
		expect(0, acquire(mount, key, &me, LONG_MS));
	}
	expect_full(acquire(mount, "pool/more", &me, LONG_MS));
}

static void test_shared_holdings_are_one_lock(void **state)
{
	struct mount *mount = *state;
	const struct lock_holder mine = holder_of(&me), theirs = holder_of(&they);
	struct answer *first = plan_acquire(mount, "pool/a", &mine, LONG_MS, PLAIN);
	struct answer *second = plan_acquire(mount, "pool/a", &theirs, LONG_MS, PLAIN);

	make_pool(mount, 1);
	first->acquisition.mode = second->acquisition.mode = LOCK_SHARED;
	expect(0, wait_for(mount, start(mount, first)));
	expect(0, wait_for(mount, start(mount, second)));
	expect_full(acquire(mount, "pool/b", &me, LONG_MS));
	expect(0, release(mount, "pool/a", &me, 0));
	expect_full(acquire(mount, "pool/b", &me, LONG_MS));
	expect(0, release(mount, "pool/a", &they, 0));
	expect(0, acquire(mount, "pool/b", &me, LONG_MS));
}

/* Waiting */

static void test_room_in_order_of_arrival(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[10];

	make_pool(mount, 2);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	expect(0, acquire(mount, "pool/b", &me, LONG_MS));
	queue_up_all(mount, waiters, COUNT(waiters));
	/* Whoever does not wait cannot pass them. */
	expect_full(acquire(mount, "pool/x", &me, LONG_MS));
	expect(0, release(mount, "pool/b", &me, 0));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		expect_handed(mount, waiters[i]);
		expect_waiting(waiters + i + 1, COUNT(waiters) - i - 1);
		expect_full(acquire(mount, "pool/x", &me, LONG_MS));
		give_on(mount, waiters[i]);
	}
	expect(0, acquire(mount, "pool/x", &me, LONG_MS));
	expect_full(acquire(mount, "pool/y", &me, LONG_MS));
	assert_int_equal(see_pool(mount)->waiters, 0);
}

/* A waiter whose key has been taken meanwhile waits for that key, in its place. */
static void test_a_key_twice_in_the_queue(void **state)
{
	struct mount *mount = *state;
	struct answer *first, *between, *second, *late;

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	first = queue_up(mount, "pool/x", 1, 1);
	between = queue_up(mount, "pool/y", 2, 2);
	second = queue_up(mount, "pool/x", 3, 3);
	expect(0, release(mount, "pool/a", &me, 0));
	expect_handed(mount, first);
	expect_waiters(mount, "pool/x", 1);
	expect_room_waiters(mount, 1);
	late = start_wait(mount, "pool/x", 4);
	expect_waiters(mount, "pool/x", 2);
	/* A hand-over needs no room, so the key passes on, and the directory has one lock all the time. */
	give_on(mount, first);
	expect_handed(mount, second);
	expect_waiting(&between, 1);
	expect_waiting(&late, 1);
	give_on(mount, second);
	expect_handed(mount, late);
	expect_waiting(&between, 1);
	give_on(mount, late);
	expect_handed(mount, between);
}

static const struct room_end {
	const char *name;
	int64_t ttl_ms;
	bool forced;
	bool given_back;
} room_ends[] = {
	{ "release", LONG_MS, false, false },
	{ "release of what never expires", LEASE_NEVER, false, false },
	{ "forced release", LONG_MS, true, false },
	{ "giving back", LONG_MS, false, true },
	{ "expiry", WORK_MS, false, false },
};

struct undoing {
	struct mount *mount;
	int calls;
};

static void on_room_acquired(void *ctx, int status, const struct lock *lock)
{
	struct undoing *given = ctx;

	given->calls++;
	if (status == 0)
		backend_give_back(given->mount->backend, "pool/a", lock->token);
}

static bool is_undoing(const void *ctx)
{
	return ((const struct undoing *)ctx)->calls > 0;
}

/* Acquires a lock whose caller cannot be answered, so that it is undone. */
static void acquire_and_give_back(struct mount *mount)
{
	struct undoing given = { .mount = mount };
	struct acquisition acquisition = {
		.key = "pool/a",
		.holder = holder_of(&me),
		.ttl_ms = LONG_MS,
		.waits = true,
		.done = on_room_acquired,
		.ctx = &given,
	};

	backend_acquire(mount->backend, &acquisition);
	expect(0, release(mount, "pool/b", &they, 0));
	await(mount, is_undoing, &given, "the acquisition");
}

static void test_room_after(void **state)
{
	struct mount *mount = *state;
	const struct room_end *end = mount->row;
	const struct answer *held;
	struct answer *waiters[2];
	int64_t from_ns = boot_ns();

	make_pool(mount, 1);
	held = expect(0, acquire(mount, end->given_back ? "pool/b" : "pool/a", end->given_back ? &they : &me, end->ttl_ms));
	if (!end->given_back) {
		waiters[0] = queue_up(mount, "pool/x", 0, 1);
		waiters[1] = queue_up(mount, "pool/y", 1, 2);
	}
	if (end->given_back) {
		acquire_and_give_back(mount);
		waiters[0] = start_wait(mount, "pool/x", 0);
		expect_handed(mount, waiters[0]);
		give_on(mount, waiters[0]);
		return;
	}
	if (end->forced)
		expect(0, force(mount, "pool/a"));
	else if (end->ttl_ms != WORK_MS)
		expect(0, release(mount, "pool/a", &me, 0));
	expect_handed(mount, waiters[0]);
	expect_waiting(&waiters[1], 1);
	if (end->ttl_ms == WORK_MS) {
		assert_true(waiters[0]->at_ns >= from_ns + (WORK_MS - ANSWER_MS) * NS_PER_MS);
		assert_true(waiters[0]->at_ns <= held->at_ns + (WORK_MS + HANDED_LATE_MS) * NS_PER_MS);
	}
	give_on(mount, waiters[0]);
	expect_handed(mount, waiters[1]);
}

/* A waiter that is first, in the middle and last, and one of two of the same key. */
static void test_cancel_of_a_wait_for_room(void **state)
{
	struct mount *mount = *state;
	static const char *const keys[] = { "pool/x", "pool/y", "pool/x", "pool/z", "pool/v" };
	static const bool cancelled[] = { true, false, false, true, false };
	static const size_t left[] = { 1, 2, 4 };
	struct answer *waiters[COUNT(keys)];
	uint64_t count = COUNT(keys);

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	for (size_t i = 0; i < COUNT(keys); i++)
		waiters[i] = queue_up(mount, keys[i], i, i + 1);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (!cancelled[i])
			continue;
		backend_cancel(mount->backend, &waiters[i]->acquisition);
		expect(-ECANCELED, wait_for(mount, waiters[i]));
		expect_room_waiters(mount, --count);
	}
	expect(0, release(mount, "pool/a", &me, 0));
	for (size_t i = 0; i < COUNT(left); i++) {
		expect_handed(mount, waiters[left[i]]);
		for (size_t later = i + 1; later < COUNT(left); later++)
			expect_waiting(&waiters[left[later]], 1);
		give_on(mount, waiters[left[i]]);
	}
	expect_list(mount, "pool", "");
}

static void test_a_higher_limit_serves(void **state)
{
	struct mount *mount = *state;
	struct answer *waiters[6];

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	queue_up_all(mount, waiters, COUNT(waiters));
	expect(0, limit(mount, "pool", 3));
	expect_handed(mount, waiters[0]);
	expect_handed(mount, waiters[1]);
	expect_waiting(waiters + 2, COUNT(waiters) - 2);
	expect_room_waiters(mount, COUNT(waiters) - 2);
	/* A lower one ends no lock, and serves nobody until there is room. */
	expect(0, limit(mount, "pool", 2));
	give_on(mount, waiters[0]);
	expect_room_waiters(mount, COUNT(waiters) - 2);
	expect_waiting(waiters + 2, COUNT(waiters) - 2);
	give_on(mount, waiters[1]);
	expect_handed(mount, waiters[2]);
	expect_waiting(waiters + 3, COUNT(waiters) - 3);
	expect(0, limit(mount, "pool", 0));
	for (size_t i = 3; i < COUNT(waiters); i++)
		expect_handed(mount, waiters[i]);
	assert_int_equal(see_pool(mount)->waiters, 0);
}

static void test_a_bound_lock_takes_room(void **state)
{
	struct mount *mount = *state;
	const struct lock *held;
	struct answer *waiter, *bound;

	make_pool(mount, 1);
	held = expect(0, acquire_how(mount, "pool/a", &me, LONG_MS, BOUND))->lock;
	waiter = queue_up(mount, "pool/x", 1, 1);
	bound = start_acquire_how(mount, "pool/y", &they, LONG_MS, WAITS | BOUND);
	expect_room_waiters(mount, 2);
	expect(0, force(mount, "pool/a"));
	expect_handed(mount, waiter);
	assert_int_equal(mount->ended.token, held->token);
	assert_true(mount->ended.taken);
	give_on(mount, waiter);
	expect(0, wait_for(mount, bound));
	expect_full(acquire(mount, "pool/z", &me, LONG_MS));
}

/* A wait that was given up after its time counts as refused for want of room. */
static void test_full_is_published_for_a_free_key(void **state)
{
	struct mount *mount = *state;

	make_pool(mount, 1);
	backend_publish(mount->backend, EVENT_UNAVAILABLE, "pool/x", match_any());
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	assert_int_equal(next_event(mount)->kind, EVENT_ACQUIRED);
	backend_publish(mount->backend, EVENT_UNAVAILABLE, "pool/x", match_any());
	expect_event(mount, EVENT_FULL, "pool", 0, LEASE_UNSET);
}

static void test_many_wait_for_room(void **state)
{
	static struct answer *waiters[MANY_ROOM];
	static struct answer *left[MANY_ROOM];
	struct mount *mount = *state;
	size_t count = 0;
	char key[32];

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	for (size_t i = 0; i < MANY_ROOM; i++) {
		snprintf(key, sizeof(key), "pool/%zu", i);
		waiters[i] = start_wait(mount, key, i);
	}
	expect_room_waiters(mount, MANY_ROOM);
	srandom(1);
	for (size_t i = 0; i < MANY_ROOM; i++) {
		if (random() % 4) {
			left[count++] = waiters[i];
			continue;
		}
		backend_cancel(mount->backend, &waiters[i]->acquisition);
		expect(-ECANCELED, wait_for(mount, waiters[i]));
	}
	expect_room_waiters(mount, count);
	expect(0, release(mount, "pool/a", &me, 0));
	for (size_t i = 0; i < count; i++) {
		expect(0, wait_for(mount, left[i]));
		if (i < count / 2) {
			expect_waiting(left + i + 1, 1);
			give_on(mount, left[i]);
		} else if (i == count / 2) {
			expect(0, limit(mount, "pool", 0));
		}
	}
	assert_int_equal(see_pool(mount)->waiters, 0);
}

/* A waiter that is answered acquires and releases at once. */
struct row {
	struct mount *mount;
	struct acquisition acquisitions[MANY_ROOM];
	char keys[MANY_ROOM][16];
	size_t answered;
	size_t awaited;
	size_t out_of_order;
	size_t failed;
};

static void on_row_released(void *ctx, int status)
{
	struct row *row = ctx;

	row->failed += status < 0;
}

static void on_row_acquired(void *ctx, int status, const struct lock *lock)
{
	struct row *row = ctx;
	const char *key = lock ? lock->key : "";

	if (status < 0) {
		row->failed++;
		return;
	}
	row->out_of_order += strcmp(key, row->keys[row->answered]) != 0;
	key = row->keys[row->answered++];
	backend_release(row->mount->backend, key, NULL, match_any(), on_row_released, row);
}

static bool is_row_done(const void *ctx)
{
	return ((const struct row *)ctx)->answered >= ((const struct row *)ctx)->awaited;
}

static void test_release_from_within_each_grant(void **state)
{
	static struct row row;
	struct mount *mount = *state;

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	row = (struct row){ .mount = mount };
	for (size_t i = 0; i < MANY_ROOM; i++) {
		snprintf(row.keys[i], sizeof(row.keys[i]), "pool/%zu", i);
		row.acquisitions[i] = (struct acquisition){
			.key = row.keys[i],
			.holder = holder_of(&they),
			.ttl_ms = LONG_MS,
			.waits = true,
			.exclusive_even_for_me = true,
			.done = on_row_acquired,
			.ctx = &row,
		};
		backend_acquire(mount->backend, &row.acquisitions[i]);
	}
	expect_room_waiters(mount, MANY_ROOM);
	expect(0, release(mount, "pool/a", &me, 0));
	for (row.awaited = 100; row.awaited <= MANY_ROOM; row.awaited += 100)
		await(mount, is_row_done, &row, "the next hundred to be served");
	assert_int_equal(row.out_of_order, 0);
	assert_int_equal(row.failed, 0);
	expect(0, limit(mount, "pool", 0));
}

/* Over two mounts */

static void test_room_over_two_mounts(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct mount *const mounts[] = { mount, other };
	struct answer *waiters[20];
	char key[32];

	make_pool(mount, 1);
	expect(0, acquire(other, "pool/a", &me, LONG_MS));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		snprintf(key, sizeof(key), "pool/%zu", i);
		waiters[i] = queue_up(mounts[i * 7 % 3 % 2], key, i, i + 1);
	}
	expect(0, release(other, "pool/a", &me, 0));
	for (size_t i = 0; i < COUNT(waiters); i++) {
		await_both(mount, other, is_answered, waiters[i], "the next");
		expect_handed(mounts[i * 7 % 3 % 2], waiters[i]);
		expect_waiting(waiters + i + 1, COUNT(waiters) - i - 1);
		expect_full(acquire(mounts[i % 2], "pool/z", &me, LONG_MS));
		give_on(mounts[i * 7 % 3 % 2], waiters[i]);
	}
	mount_leave(other);
}

/* Waiters of a mount that is gone are skipped. */
static void test_mount_leaves_its_place_in_a_room(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *waiter;
	char key[32];

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	for (size_t i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "pool/%zu", i);
		queue_up(other, key, i, i + 1);
	}
	waiter = queue_up(mount, "pool/x", 10, 11);
	mount_leave(other);
	expect(0, release(mount, "pool/a", &me, 0));
	expect_handed(mount, waiter);
	give_on(mount, waiter);
	assert_int_equal(see_pool(mount)->waiters, 0);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
}

/* A mount that stops between a grant and its confirmation: its place is given on, and the limit holds. */
static void test_mount_that_stands_still_in_a_room(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	struct answer *still, *waiter;

	make_pool(mount, 1);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	still = queue_up(other, "pool/x", 1, 1);
	waiter = queue_up(mount, "pool/y", 2, 2);
	expect(0, release(mount, "pool/a", &me, 0));
	expect_full(acquire(mount, "pool/z", &me, LONG_MS));
	expect_handed(mount, waiter);
	assert_int_equal(still->calls, 0);
	for (int i = 0; i < 100; i++) {
		uv_run(&other->loop, UV_RUN_NOWAIT);
		uv_run(&mount->loop, UV_RUN_NOWAIT);
		sleep_until(boot_ns() + NS_PER_MS);
	}
	expect_waiting(&still, 1);
	give_on(mount, waiter);
	await_both(mount, other, is_answered, still, "the one that stood still");
	expect_handed(other, still);
	expect_full(acquire(mount, "pool/z", &me, LONG_MS));
	give_on(other, still);
	mount_leave(other);
}

static const struct CMUnitTest room_tests[] = {
	TEST(limit_is_kept_and_removed),
	TEST(full_directory_refuses),
	TEST(limit_of_the_root),
	TEST(expired_locks_take_no_room),
	TEST(shared_holdings_are_one_lock),
	TEST(room_in_order_of_arrival),
	TEST(a_key_twice_in_the_queue),
	TEST(cancel_of_a_wait_for_room),
	TEST(a_higher_limit_serves),
	TEST(a_bound_lock_takes_room),
	TEST(full_is_published_for_a_free_key),
	TEST(many_wait_for_room),
	TEST(release_from_within_each_grant),
};

static const struct CMUnitTest shared_room_tests[] = {
	TEST(room_over_two_mounts),
	TEST(mount_leaves_its_place_in_a_room),
	TEST(mount_that_stands_still_in_a_room),
};

static void add_room(void)
{
	for (size_t i = 0; i < COUNT(room_ends); i++)
		add(test_room_after, &room_ends[i], "room after: %s", room_ends[i].name);
	add_all(room_tests, COUNT(room_tests));
	if (strcmp(contract_source, "memory:") != 0)
		add_all(shared_room_tests, COUNT(shared_room_tests));
}

#endif
