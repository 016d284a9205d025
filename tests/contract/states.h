/* The first table: holders of a lock, and calls on that lock. Each cell is a test. */
#ifndef TESTS_CONTRACT_STATES_H
#define TESTS_CONTRACT_STATES_H

#include "tests/contract/judging.h"

/* What tells the caller apart: its identity or its id. */
static const struct kind {
	const char *name;
	struct lock_claim mine;   /* claim of my holdings */
	struct lock_claim asking; /* claim of my calls */
	struct lock_claim theirs; /* claim of the other holder */
} kinds[] = {
	{ "identity", { "id-1", "session-mine" }, { "id-2", "session-mine" }, { "id-3", "session-theirs" } },
	{ "given id", { "me", NULL }, { "me", NULL }, { "them", NULL } },
	{ "id alone", { "id-1", "session-mine" }, { "id-1", NULL }, { "id-3", "session-theirs" } },
};

enum column { FREE, MINE, MINE_FOR_EVER, THEIRS, THEIRS_FOR_EVER, COLUMNS };

static const struct state {
	const char *name;
	enum column column;
	enum { NOBODY, ME, THEM } holder;
	int64_t ttl_ms;
	bool told; /* its end was reported */
} states[] = {
	{ "absent", FREE, NOBODY, LEASE_UNSET, false },
	{ "expired mine", FREE, ME, SHORT_MS, false },
	{ "expired mine, told", FREE, ME, SHORT_MS, true },
	{ "expired another's", FREE, THEM, SHORT_MS, false },
	{ "expired another's, told", FREE, THEM, SHORT_MS, true },
	{ "mine with a lease", MINE, ME, LONG_MS, false },
	{ "mine for ever", MINE_FOR_EVER, ME, LEASE_NEVER, false },
	{ "another's with a lease", THEIRS, THEM, LONG_MS, false },
	{ "another's for ever", THEIRS_FOR_EVER, THEM, LEASE_NEVER, false },
};

static struct answer *ask_acquire(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)token;
	return acquire(mount, KEY, claim, LONG_MS / 2);
}

static struct answer *ask_release(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)token;
	return release(mount, KEY, claim, 0);
}

static struct answer *ask_force(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)claim, (void)token;
	return force(mount, KEY);
}

static struct answer *ask_refresh(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)token;
	return refresh(mount, KEY, claim, 0, LEASE_UNSET);
}

static struct answer *ask_refresh_longer(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)token;
	return refresh(mount, KEY, claim, 0, 2 * LONG_MS);
}

static struct answer *ask_refresh_to_never(struct mount *mount, const struct lock_claim *claim,
                                           uint64_t token)
{
	(void)token;
	return refresh(mount, KEY, claim, 0, LEASE_NEVER);
}

static struct answer *ask_read(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)claim, (void)token;
	return look(mount, KEY);
}

static struct answer *ask_write(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	(void)claim;
	return store(mount, KEY, token, -1, "!", 1);
}

static struct answer *ask_truncate(struct mount *mount, const struct lock_claim *claim, uint64_t token)
{
	return cut(mount, KEY, claim, token, 2);
}

/* Checks what an answer of 0 has done: the lock before it (NULL: none) and the lock after it. */
typedef void check_effect(const struct kind *kind, const struct lock *before, const struct lock *after);

static void check_acquired(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	assert_null(before);
	assert_same_text(after->holder.claim.id, kind->asking.id);
	assert_same_text(after->holder.claim.identity, kind->asking.identity);
	assert_int_equal(after->ttl_ms, LONG_MS / 2);
	assert_int_equal(after->refreshed_ms, after->acquired_ms);
	assert_int_equal(after->content_size, 0);
}

static void check_gone(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	(void)kind, (void)before;
	assert_null(after);
}

static void check_refreshed_to(int64_t ttl_ms, const struct lock *before, const struct lock *after)
{
	assert_same_holding(before, after);
	assert_content(after, before->content, before->content_size);
	assert_int_equal(after->ttl_ms, ttl_ms);
	assert_true(after->refreshed_ms >= before->refreshed_ms);
}

static void check_refreshed(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	(void)kind;
	check_refreshed_to(before->ttl_ms, before, after);
}

static void check_refreshed_longer(const struct kind *kind, const struct lock *before,
                                   const struct lock *after)
{
	(void)kind;
	check_refreshed_to(2 * LONG_MS, before, after);
	assert_true(after->remaining_ms > LONG_MS);
}

static void check_same(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	(void)kind;
	assert_same_lock(before, after);
}

static void check_written(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	(void)kind;
	assert_same_holding(before, after);
	assert_same_lease(before, after);
	assert_content(after, "kept!", 5);
}

static void check_cut(const struct kind *kind, const struct lock *before, const struct lock *after)
{
	(void)kind;
	assert_same_holding(before, after);
	assert_same_lease(before, after);
	assert_content(after, "ke", 2);
}

#define NO_EVENT -1

static const struct call {
	const char *name;
	struct answer *(*ask)(struct mount *mount, const struct lock_claim *claim, uint64_t token);
	enum { GIVES_NOTHING, GIVES_LOCK_ON_0, GIVES_LOCK } gives;
	check_effect *check;
	struct {
		int status;
		int event;
	} outcomes[COLUMNS];
} calls[] = {
	{ "acquire", ask_acquire, GIVES_LOCK, check_acquired, {
		[FREE] = { 0, EVENT_ACQUIRED },
		[MINE] = { -EEXIST, NO_EVENT },
		[MINE_FOR_EVER] = { -EEXIST, NO_EVENT },
		[THEIRS] = { -EBUSY, EVENT_UNAVAILABLE },
		[THEIRS_FOR_EVER] = { -EBUSY, EVENT_UNAVAILABLE },
	} },
	{ "release", ask_release, GIVES_NOTHING, check_gone, {
		[FREE] = { -ENOENT, EVENT_FAILED_RELEASE },
		[MINE] = { 0, EVENT_RELEASED },
		[MINE_FOR_EVER] = { 0, EVENT_RELEASED },
		[THEIRS] = { -EPERM, EVENT_FAILED_RELEASE },
		[THEIRS_FOR_EVER] = { -EPERM, EVENT_FAILED_RELEASE },
	} },
	{ "forced release", ask_force, GIVES_NOTHING, check_gone, {
		[FREE] = { -ENOENT, EVENT_FORCE_RELEASED },
		[MINE] = { 0, EVENT_FORCE_RELEASED },
		[MINE_FOR_EVER] = { 0, EVENT_FORCE_RELEASED },
		[THEIRS] = { 0, EVENT_FORCE_RELEASED },
		[THEIRS_FOR_EVER] = { 0, EVENT_FORCE_RELEASED },
	} },
	{ "refresh", ask_refresh, GIVES_LOCK_ON_0, check_refreshed, {
		[FREE] = { -ENOENT, EVENT_FAILED_REFRESH },
		[MINE] = { 0, EVENT_REFRESHED },
		[MINE_FOR_EVER] = { -ENOTSUP, EVENT_FAILED_REFRESH },
		[THEIRS] = { -EPERM, EVENT_FAILED_REFRESH },
		[THEIRS_FOR_EVER] = { -EPERM, EVENT_FAILED_REFRESH },
	} },
	{ "refresh to longer", ask_refresh_longer, GIVES_LOCK_ON_0, check_refreshed_longer, {
		[FREE] = { -ENOENT, EVENT_FAILED_REFRESH },
		[MINE] = { 0, EVENT_REFRESHED },
		[MINE_FOR_EVER] = { -ENOTSUP, EVENT_FAILED_REFRESH },
		[THEIRS] = { -EPERM, EVENT_FAILED_REFRESH },
		[THEIRS_FOR_EVER] = { -EPERM, EVENT_FAILED_REFRESH },
	} },
	{ "refresh to never", ask_refresh_to_never, GIVES_LOCK_ON_0, NULL, {
		[FREE] = { -ENOENT, EVENT_FAILED_REFRESH },
		[MINE] = { -EINVAL, EVENT_FAILED_REFRESH },
		[MINE_FOR_EVER] = { -ENOTSUP, EVENT_FAILED_REFRESH },
		[THEIRS] = { -EPERM, EVENT_FAILED_REFRESH },
		[THEIRS_FOR_EVER] = { -EPERM, EVENT_FAILED_REFRESH },
	} },
	{ "read", ask_read, GIVES_LOCK_ON_0, check_same, {
		[FREE] = { -ENOENT, NO_EVENT },
		[MINE] = { 0, NO_EVENT },
		[MINE_FOR_EVER] = { 0, NO_EVENT },
		[THEIRS] = { 0, NO_EVENT },
		[THEIRS_FOR_EVER] = { 0, NO_EVENT },
	} },
	{ "write", ask_write, GIVES_NOTHING, check_written, { /* knowing the token is proof enough */
		[FREE] = { -ESTALE, NO_EVENT },
		[MINE] = { 0, NO_EVENT },
		[MINE_FOR_EVER] = { 0, NO_EVENT },
		[THEIRS] = { 0, NO_EVENT },
		[THEIRS_FOR_EVER] = { 0, NO_EVENT },
	} },
	{ "truncate", ask_truncate, GIVES_LOCK_ON_0, check_cut, {
		[FREE] = { -ENOENT, NO_EVENT },
		[MINE] = { 0, NO_EVENT },
		[MINE_FOR_EVER] = { 0, NO_EVENT },
		[THEIRS] = { -EBUSY, NO_EVENT },
		[THEIRS_FOR_EVER] = { -EBUSY, NO_EVENT },
	} },
};

struct cell {
	const struct kind *kind;
	const struct state *state;
	const struct call *call;
};

/* Brings the lock into a state. Returns the lock of its present or last holding, or NULL. */
static const struct lock *bring_about(struct mount *mount, const struct kind *kind, const struct state *state)
{
	const struct lock_claim *holder = state->holder == ME ? &kind->mine : &kind->theirs;
	const struct answer *held;

	if (state->holder == NOBODY)
		return NULL;
	held = expect(0, acquire(mount, KEY, holder, state->ttl_ms));
	expect_event_of(mount, EVENT_ACQUIRED, held->lock);
	if (state->column != FREE)
		expect(0, store(mount, KEY, held->lock->token, 0, "kept", 4));
	else if (state->told)
		expect_event_of(mount, EVENT_EXPIRED, held->lock);
	else
		let_pass(held);
	return held->lock;
}

/* Checks that the lock in an answer is the lock that read() finds. */
static void check_answer(const struct call *call, const struct answer *answer, const struct lock *after)
{
	bool gives = call->gives == GIVES_LOCK || (call->gives == GIVES_LOCK_ON_0 && answer->status == 0);

	assert_int_equal(answer->lock != NULL, gives);
	if (gives) {
		assert_sound(answer->lock);
		assert_same_lock(answer->lock, after);
	}
}

/* Exactly these events and no others. A forced release is always reported, so it marks the end. */
static void check_events(struct mount *mount, const struct cell *cell, const struct lock *held,
                         const struct lock *about)
{
	int event = cell->call->outcomes[cell->state->column].event;

	if (held && cell->state->column == FREE && !cell->state->told)
		expect_event_of(mount, EVENT_EXPIRED, held);
	if (event != NO_EVENT)
		expect_event(mount, event, KEY, about ? about->token : 0,
			about ? about->ttl_ms : LEASE_UNSET);
	force(mount, KEY);
	assert_string_equal(event_word(next_event(mount)->kind), "FORCE_RELEASED");
}

static void test_cell(void **state)
{
	struct mount *mount = *state;
	const struct cell *cell = mount->row;
	const struct lock *held = bring_about(mount, cell->kind, cell->state);
	/* A read would reveal the end of a lease, which the backend is not to have seen. */
	const struct lock *before = cell->state->column == FREE ? NULL : see(mount, KEY);
	const struct answer *answer = expect(cell->call->outcomes[cell->state->column].status,
		cell->call->ask(mount, &cell->kind->asking, held ? held->token : 1));
	const struct lock *after = look(mount, KEY)->lock;

	if (answer->status == 0)
		cell->call->check(cell->kind, before, after);
	else if (before)
		assert_same_lock(before, after);
	else
		assert_null(after);
	if (after)
		assert_sound(after);
	if (after && held && !before)
		assert_true(after->token > held->token);
	check_answer(cell->call, answer, after);
	check_events(mount, cell, held, after ? after : before);
}

static struct cell cells[COUNT(kinds) * COUNT(states) * COUNT(calls)];

static void add_cells(void)
{
	struct cell *cell = cells;

	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		for (size_t state = 0; state < COUNT(states); state++) {
			for (size_t call = 0; call < COUNT(calls); call++, cell++) {
				*cell = (struct cell){ &kinds[kind], &states[state], &calls[call] };
				add(test_cell, cell, "%s, by %s: %s", states[state].name, kinds[kind].name,
					calls[call].name);
			}
		}
	}
}

#endif
