/* The second table: entries at a path, and calls on that path. Each cell is a test. */
#ifndef TESTS_CONTRACT_PLACES_H
#define TESTS_CONTRACT_PLACES_H

#include "tests/contract/judging.h"

static struct answer *ask_acquire_at(struct mount *mount, const char *path)
{
	return acquire(mount, path, &me, LONG_MS);
}

static struct answer *ask_release_at(struct mount *mount, const char *path)
{
	return release(mount, path, &me, 0);
}

static struct answer *ask_truncate_at(struct mount *mount, const char *path)
{
	return cut(mount, path, &me, 0, 1);
}

static struct answer *ask_make_dir_at(struct mount *mount, const char *path)
{
	return make_dir_as(mount, path, &other_dir);
}

static struct answer *ask_configure_at(struct mount *mount, const char *path)
{
	return configure(mount, path, DIR_MODE | DIR_UID | DIR_GID, &other_dir);
}

enum standing { NOTHING, LOCK, DIRECTORY, UNCHANGED };

static const struct place_call {
	const char *name;
	struct answer *(*ask)(struct mount *mount, const char *path);
	enum standing leaves; /* the entry after an answer of 0 */
} place_calls[] = {
	{ "acquire", ask_acquire_at, LOCK },
	{ "release", ask_release_at, NOTHING },
	{ "forced release", force, NOTHING },
	{ "truncate", ask_truncate_at, UNCHANGED },
	{ "read", look, UNCHANGED },
	{ "list", list, UNCHANGED },
	{ "make_dir", ask_make_dir_at, DIRECTORY },
	{ "remove_dir", remove_dir, NOTHING },
	{ "configure_dir", ask_configure_at, DIRECTORY },
};

static const struct place {
	const char *name;
	const char *path;
	const char *made[2]; /* entries before the call: `a/` is a directory, `a!` an expired lock, `a` a lock */
	enum standing stands;
	int statuses[COUNT(place_calls)]; /* in the order of place_calls */
} places[] = {
	{ "nothing", "p", { NULL }, NOTHING,
		{ 0, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, 0, -ENOENT, -ENOENT } },
	{ "an expired lock", "p", { "p!" }, NOTHING,
		{ 0, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, 0, -ENOENT, -ENOENT } },
	{ "a lock", "p", { "p" }, LOCK,
		{ -EEXIST, 0, 0, 0, 0, -ENOTDIR, -EEXIST, -ENOTDIR, -ENOTDIR } },
	{ "an empty directory", "p", { "p/" }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, 0, 0 } },
	{ "a directory with a lock", "p", { "p/", "p/x" }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, -ENOTEMPTY, 0 } },
	{ "a directory with a directory", "p", { "p/", "p/x/" }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, -ENOTEMPTY, 0 } },
	{ "a directory with an expired lock", "p", { "p/", "p/x!" }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, 0, 0 } },
	{ "in a directory", "p/x", { "p/" }, NOTHING,
		{ 0, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, 0, -ENOENT, -ENOENT } },
	{ "below a lock", "p/x", { "p" }, NOTHING,
		{ -ENOTDIR, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOTDIR, -ENOENT, -ENOENT } },
	{ "below an expired lock", "p/x", { "p!" }, NOTHING,
		{ -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT } },
	{ "below nothing", "p/x", { NULL }, NOTHING,
		{ -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT, -ENOENT } },
	{ "the root", "", { NULL }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, -EBUSY, -EPERM } },
	{ "the root with a lock", "", { "x" }, DIRECTORY,
		{ -EISDIR, -EISDIR, -EISDIR, -EISDIR, 0, 0, -EEXIST, -EBUSY, -EPERM } },
};

struct place_cell {
	const struct place *place;
	size_t call;
};

/* Makes the entries of a row of `places`. */
static void make_standing(struct mount *mount, const char *what)
{
	char path[LOCK_NAME_MAX + 1];
	size_t length = strcspn(what, "!");
	char last = what[strlen(what) - 1];

	snprintf(path, sizeof(path), "%.*s", (int)(last == '/' ? length - 1 : length), what);
	if (last == '/')
		expect(0, make_dir(mount, path));
	else if (last == '!')
		acquire_expired(mount, path, &me);
	else
		expect(0, acquire(mount, path, &me, LONG_MS));
}

static enum standing what_stands(const struct answer *seen)
{
	if (seen->status != 0)
		return NOTHING;
	return seen->is_dir ? DIRECTORY : LOCK;
}

static void test_place(void **state)
{
	struct mount *mount = *state;
	const struct place_cell *cell = mount->row;
	const struct place *place = cell->place;
	const struct place_call *call = &place_calls[cell->call];
	const struct answer *answer, *after;
	bool changed;

	for (size_t i = 0; i < COUNT(place->made) && place->made[i]; i++)
		make_standing(mount, place->made[i]);
	answer = expect(place->statuses[cell->call], call->ask(mount, place->path));
	after = look(mount, place->path);
	changed = answer->status == 0 && call->leaves != UNCHANGED;
	assert_int_equal(what_stands(after), changed ? call->leaves : place->stands);
	/* The root's settings are each mount's own. */
	if (after->is_dir && *place->path)
		assert_settings(&after->dir, changed ? &other_dir : &plain_dir);
}

static struct place_cell place_cells[COUNT(places) * COUNT(place_calls)];

static void add_place_cells(void)
{
	struct place_cell *cell = place_cells;

	for (size_t place = 0; place < COUNT(places); place++) {
		for (size_t call = 0; call < COUNT(place_calls); call++, cell++) {
			*cell = (struct place_cell){ &places[place], call };
			add(test_place, cell, "%s: %s", places[place].name, place_calls[call].name);
		}
	}
}

#endif
