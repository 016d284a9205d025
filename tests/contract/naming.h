/* Locks that are made from other locks: by link(2), and by rename(2), which moves a holding. */
#ifndef TESTS_CONTRACT_NAMING_H
#define TESTS_CONTRACT_NAMING_H

#include "tests/contract/forms.h"
#include "tests/contract/giving_back.h"
#include "tests/contract/judging.h"
#include "tests/contract/mounts.h"
#include "tests/contract/permissions.h"
#include "tests/contract/room.h"

#define SOURCE "tmp.4711"

enum { LINKS, MOVES, MOVES_NOREPLACE };

static struct answer *plan_naming(struct mount *mount, const char *source, const char *key, const struct lock_claim *claim, int how)
{
	const struct lock_holder holder = holder_of(claim);
	struct answer *answer = plan_acquire(mount, key, &holder, LONG_MS, PLAIN);

	answer->acquisition.source = source;
	answer->acquisition.source_match = match_any();
	answer->acquisition.moves = how != LINKS;
	answer->acquisition.exclusive_even_for_me = how != MOVES;
	return answer;
}

static struct answer *name(struct mount *mount, const char *source, const char *key, const struct lock_claim *claim, int how)
{
	return wait_for(mount, start(mount, plan_naming(mount, source, key, claim, how)));
}

/* Acquires with a content. Returns the token. */
static uint64_t acquire_file(struct mount *mount, const char *key, const struct lock_claim *claim, const char *content)
{
	uint64_t token = expect(0, acquire(mount, key, claim, LONG_MS))->lock->token;

	expect(0, store(mount, key, token, 0, content, strlen(content)));
	return token;
}

static void assert_linked(const struct lock *lock, const char *first_key)
{
	assert_int_equal(lock->linked, first_key != NULL);
	if (first_key)
		assert_string_equal(lock->first_key, first_key);
}

static void test_linking_acquires_with_the_content(void **state)
{
	struct mount *mount = *state;
	uint64_t token = acquire_file(mount, SOURCE, &me, "4711");
	const struct lock *made;

	expect(0, set_permissions_of(mount, SOURCE, &me, match_any(), 0440));
	assert_linked(see(mount, SOURCE), NULL);
	made = expect(0, name(mount, SOURCE, KEY, &me, LINKS))->lock;
	assert_content(made, "4711", 4);
	assert_int_equal(made->permissions, 0440);
	assert_true(made->token > token);
	assert_linked(made, SOURCE);
	assert_linked(see(mount, KEY), SOURCE);
	assert_linked(see(mount, SOURCE), SOURCE);
	assert_int_equal(see(mount, SOURCE)->token, token);
	expect(-EBUSY, acquire(mount, KEY, &they, LONG_MS));
	expect(0, release(mount, SOURCE, &me, 0));
	assert_linked(see(mount, KEY), NULL);
	assert_content(see(mount, KEY), "4711", 4);
	expect(-EPERM, release(mount, KEY, &they, 0));
	expect(0, release(mount, KEY, &me, 0));
}

static void test_links_end_with_either_lock(void **state)
{
	struct mount *mount = *state;

	acquire_file(mount, SOURCE, &me, "x");
	expect(0, name(mount, SOURCE, KEY, &me, LINKS));
	expect(0, release(mount, KEY, &me, 0));
	assert_linked(see(mount, SOURCE), NULL);
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_linked(see(mount, SOURCE), NULL);
	assert_linked(see(mount, KEY), NULL);
	expect(0, release(mount, KEY, &me, 0));
	/* Of three, the new one and the first one are linked. */
	expect(0, name(mount, SOURCE, KEY, &me, LINKS));
	expect(0, name(mount, SOURCE, "third", &me, LINKS));
	assert_linked(see(mount, KEY), NULL);
	assert_linked(see(mount, "third"), SOURCE);
	assert_linked(see(mount, SOURCE), SOURCE);
	expect(0, force(mount, SOURCE));
	assert_linked(see(mount, "third"), NULL);
}

static void test_a_link_ends_with_a_lease(void **state)
{
	struct mount *mount = *state;

	expect(0, acquire(mount, SOURCE, &me, SHORT_MS));
	expect(0, name(mount, SOURCE, KEY, &me, LINKS));
	sleep_until(boot_ns() + 2 * SHORT_MS * NS_PER_MS);
	assert_linked(see(mount, KEY), NULL);
	expect(0, acquire(mount, SOURCE, &they, LONG_MS));
	assert_linked(see(mount, KEY), NULL);
	assert_linked(see(mount, SOURCE), NULL);
}

/* What is refused changes nothing. */
static void test_naming_is_refused(void **state)
{
	struct mount *mount = *state;
	uint64_t token = acquire_file(mount, SOURCE, &me, "mine");
	struct answer *answer;

	acquire_file(mount, "theirs", &they, "theirs");
	expect(0, make_dir(mount, "dir"));
	for (int how = LINKS; how <= MOVES_NOREPLACE; how++) {
		expect(-ENOENT, name(mount, "missing", KEY, &me, how));
		expect(-EPERM, name(mount, "theirs", KEY, &me, how));
		expect(-EXDEV, name(mount, "dir", KEY, &me, how));
		expect(-EISDIR, name(mount, SOURCE, "dir", &me, how));
		expect(-ENOENT, name(mount, SOURCE, "missing/job", &me, how));
		expect(-ENOTDIR, name(mount, SOURCE, "theirs/job", &me, how));
		assert_int_equal(expect(-EBUSY, name(mount, SOURCE, "theirs", &me, how))->lock->token, see(mount, "theirs")->token);
		expect(-EBUSY, name(mount, SOURCE, SOURCE, &me, how));
		answer = plan_naming(mount, SOURCE, KEY, &me, how);
		answer->acquisition.source_match = match_token(token + 1);
		expect(-ENOENT, wait_for(mount, start(mount, answer)));
	}
	acquire_file(mount, "own", &me, "own");
	expect(-EBUSY, name(mount, SOURCE, "own", &me, LINKS));
	expect(-EBUSY, name(mount, SOURCE, "own", &me, MOVES_NOREPLACE));
	expect(-ENOENT, look(mount, KEY));
	assert_content(see(mount, SOURCE), "mine", 4);
	assert_content(see(mount, "theirs"), "theirs", 6);
	assert_content(see(mount, "own"), "own", 3);
}

static void test_shared_locks_are_not_named(void **state)
{
	struct mount *mount = *state;
	struct answer *reader = expect(0, wait_for(mount, start(mount, plan_reader(mount, 1, LONG_MS, PLAIN))));
	struct lock_claim claim = { .id = reader->acquisition.holder.claim.id };

	for (int how = LINKS; how <= MOVES_NOREPLACE; how++) {
		assert_null(expect(-EBUSY, name(mount, KEY, "job", &claim, how))->lock);
		expect(0, acquire(mount, SOURCE, &claim, LONG_MS));
		expect(-EBUSY, name(mount, SOURCE, KEY, &claim, how));
		expect(0, release(mount, SOURCE, &claim, 0));
	}
}

static void test_moving_moves_the_holding(void **state)
{
	struct mount *mount = *state;
	const struct lock *moved;
	uint64_t token, before = expect(0, acquire(mount, KEY, &they, LONG_MS))->lock->token;

	token = acquire_file(mount, SOURCE, &me, "config");
	expect(0, set_permissions_of(mount, SOURCE, &me, match_any(), 0400));
	expect(0, refresh(mount, SOURCE, &me, 0, 2 * LONG_MS));
	expect(0, release(mount, KEY, &they, 0));
	moved = expect(0, name(mount, SOURCE, KEY, &me, MOVES))->lock;
	assert_true(moved->token > token && moved->token > before);
	assert_int_equal(moved->ended_source, token);
	assert_content(moved, "config", 6);
	assert_int_equal(moved->permissions, 0400);
	assert_int_equal(moved->ttl_ms, 2 * LONG_MS);
	assert_true(lock_is_held_by(moved, &me));
	expect(-ENOENT, look(mount, SOURCE));
	assert_linked(see(mount, KEY), NULL);
	expect(0, make_dir(mount, "dir"));
	moved = expect(0, name(mount, KEY, "dir/job", &me, MOVES_NOREPLACE))->lock;
	assert_content(moved, "config", 6);
	expect(-ENOENT, look(mount, KEY));
	expect(0, release(mount, "dir/job", &me, moved->token));
}

static void test_moving_onto_ones_own_lock_replaces_the_content(void **state)
{
	struct mount *mount = *state;
	const struct lock *kept;
	uint64_t token = acquire_file(mount, KEY, &me, "old and long");

	acquire_file(mount, SOURCE, &me, "new");
	expect(0, set_permissions_of(mount, SOURCE, &me, match_any(), 0600));
	kept = expect(-EEXIST, name(mount, SOURCE, KEY, &me, MOVES))->lock;
	assert_int_equal(kept->token, token);
	assert_content(kept, "new", 3);
	assert_int_equal(kept->permissions, 0600);
	assert_content(see(mount, KEY), "new", 3);
	assert_int_equal(see(mount, KEY)->token, token);
	expect(-ENOENT, look(mount, SOURCE));
	/* An empty one, too. */
	expect(0, acquire(mount, SOURCE, &me, LONG_MS));
	expect(-EEXIST, name(mount, SOURCE, KEY, &me, MOVES));
	assert_content(see(mount, KEY), "", 0);
	assert_int_equal(see(mount, KEY)->permissions, 0);
}

/* Otherwise one user could read what the mode kept for another. */
static void test_moving_onto_a_lock_of_another_user_is_refused(void **state)
{
	struct mount *mount = *state;
	struct lock_holder holder = holder_of(&me);

	holder.uid++;
	expect(0, wait_for(mount, start(mount, plan_acquire(mount, KEY, &holder, LONG_MS, PLAIN))));
	acquire_file(mount, SOURCE, &me, "secret");
	expect(-EBUSY, name(mount, SOURCE, KEY, &me, MOVES));
	assert_content(see(mount, KEY), "", 0);
	assert_content(see(mount, SOURCE), "secret", 6);
}

static void test_links_follow_a_move_and_end_with_the_content(void **state)
{
	struct mount *mount = *state;

	acquire_file(mount, SOURCE, &me, "x");
	expect(0, name(mount, SOURCE, KEY, &me, LINKS));
	expect(0, name(mount, SOURCE, "moved", &me, MOVES));
	assert_linked(see(mount, KEY), KEY);
	assert_linked(see(mount, "moved"), KEY);
	acquire_file(mount, "other", &me, "y");
	expect(-EEXIST, name(mount, "other", "moved", &me, MOVES));
	assert_linked(see(mount, KEY), NULL);
	assert_linked(see(mount, "moved"), NULL);
	assert_content(see(mount, KEY), "x", 1);
}

static void test_a_symbolic_link_is_linked_and_moved(void **state)
{
	struct mount *mount = *state;

	expect(0, make_link(mount, &me, LONG_MS));
	assert_is_link(expect(0, name(mount, KEY, "linked", &me, LINKS))->lock);
	assert_is_link(expect(0, name(mount, KEY, "moved", &me, MOVES))->lock);
	assert_is_link(see(mount, "linked"));
	assert_is_link(see(mount, "moved"));
}

/* Whoever waits for the source has it when it has moved. Nobody passes those who wait for the key. */
static void test_waiters_are_served_after_a_move(void **state)
{
	struct mount *mount = *state;
	const struct lock_holder holder = holder_of(&they);
	struct answer *waiting;

	acquire_file(mount, SOURCE, &me, "x");
	waiting = start(mount, plan_acquire(mount, SOURCE, &holder, LONG_MS, WAITS));
	expect_waiters(mount, SOURCE, 1);
	expect(0, name(mount, SOURCE, KEY, &me, MOVES));
	assert_content(expect(0, wait_for(mount, waiting))->lock, "", 0);
	expect(0, release(mount, SOURCE, &they, 0));

	acquire_file(mount, SOURCE, &me, "y");
	waiting = start(mount, plan_acquire(mount, SOURCE, &holder, LONG_MS, WAITS));
	expect_waiters(mount, SOURCE, 1);
	expect(-EEXIST, name(mount, SOURCE, KEY, &me, MOVES));
	expect(0, wait_for(mount, waiting));
	assert_content(see(mount, KEY), "y", 1);
}

static void test_a_move_keeps_the_place_in_a_full_directory(void **state)
{
	const struct lock_holder holder = holder_of(&they);
	struct mount *mount = *state;
	struct answer *waiting;

	make_pool(mount, 2);
	expect(0, acquire(mount, "pool/a", &me, LONG_MS));
	expect(0, acquire(mount, "pool/b", &me, LONG_MS));
	expect(0, acquire(mount, KEY, &me, LONG_MS));
	assert_null(expect(-EBUSY, name(mount, "pool/a", "pool/c", &me, LINKS))->lock);
	assert_null(expect(-EBUSY, name(mount, KEY, "pool/c", &me, MOVES))->lock);
	expect(0, name(mount, "pool/a", "pool/c", &me, MOVES));
	expect(-ENOENT, look(mount, "pool/a"));
	/* Whoever waits for the lock itself gets its place. */
	waiting = start(mount, plan_acquire(mount, "pool/b", &holder, LONG_MS, WAITS));
	expect_waiters(mount, "pool/b", 1);
	assert_null(expect(-EBUSY, name(mount, "pool/b", "pool/d", &me, MOVES))->lock);
	expect(0, name(mount, "pool/b", "elsewhere", &me, MOVES));
	expect(0, wait_for(mount, waiting));
	assert_null(expect(-EBUSY, acquire(mount, "pool/d", &me, LONG_MS))->lock);
}

/* The caller of link(2) or rename(2) was not answered. */
static void test_what_was_named_can_be_given_back(void **state)
{
	struct mount *mount = *state;
	uint64_t token;

	acquire_file(mount, SOURCE, &me, "x");
	token = expect(0, name(mount, SOURCE, KEY, &me, LINKS))->lock->token;
	backend_give_back(mount->backend, KEY, token);
	expect(-ENOENT, look(mount, KEY));
	assert_content(see(mount, SOURCE), "x", 1);
	assert_linked(see(mount, SOURCE), NULL);
}

/* Whoever sees two links takes them as the proof of success. A mount knows whether it will undo what it linked, others do not. */
static void test_a_link_that_another_mount_has_shown_stays(void **state)
{
	struct mount *mount = *state;
	struct mount *other = mount_beside(mount);
	uint64_t token;

	acquire_file(mount, SOURCE, &me, "x");
	token = expect(0, name(mount, SOURCE, KEY, &me, LINKS))->lock->token;
	assert_linked(see(mount, SOURCE), SOURCE);
	/* The other mount looks for itself, and then for a caller. */
	assert_linked(see(other, SOURCE), NULL);
	assert_linked(expect(0, wait_for(other, start_look_as(other, SOURCE, &they)))->lock, SOURCE);
	backend_give_back(mount->backend, KEY, token);
	expect(0, refresh(mount, SOURCE, &me, 0, LONG_MS));
	assert_int_equal(see(mount, KEY)->token, token);
	assert_linked(see(mount, SOURCE), SOURCE);
	mount_leave(other);
}

static const struct CMUnitTest naming_tests[] = {
	TEST(linking_acquires_with_the_content),
	TEST(links_end_with_either_lock),
	TEST(a_link_ends_with_a_lease),
	TEST(naming_is_refused),
	TEST(shared_locks_are_not_named),
	TEST(moving_moves_the_holding),
	TEST(moving_onto_ones_own_lock_replaces_the_content),
	TEST(moving_onto_a_lock_of_another_user_is_refused),
	TEST(links_follow_a_move_and_end_with_the_content),
	TEST(a_symbolic_link_is_linked_and_moved),
	TEST(waiters_are_served_after_a_move),
	TEST(a_move_keeps_the_place_in_a_full_directory),
	TEST(what_was_named_can_be_given_back),
};

static const struct CMUnitTest shared_naming_tests[] = {
	TEST(a_link_that_another_mount_has_shown_stays),
};

static void add_naming(void)
{
	add_all(naming_tests, COUNT(naming_tests));
	/* Two mounts of `memory:` share nothing. */
	if (strcmp(contract_source, "memory:") != 0)
		add_all(shared_naming_tests, COUNT(shared_naming_tests));
}

#endif
