/*
 * Acquisitions that begin with what another lock has: link(2), which leaves that one as it is, and rename(2), which moves the
 * holding. Whoever waits is served after the caller was answered, who may end the lock at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/memory/memory_internal.h"

/* Finds the holding that an acquisition names as its source. Returns 0 or a negative errno. */
static int find_source(struct memory_backend *memory, const struct acquisition *acquisition, struct mem_holding **ret)
{
	struct mem_holding *source;
	int err = memory_find_holding(memory, acquisition->source, &acquisition->holder.claim, acquisition->source_match, &source);

	if (err == -EISDIR)
		return -EXDEV;
	if (err < 0)
		return err;
	if (!mem_holding_prove(source, &acquisition->holder.claim))
		return -EPERM;
	*ret = source;
	return source->shared ? -EBUSY : 0;
}

/* Does the key get the place that the source has in its directory? */
static bool takes_place_of(const struct mem_holding *source, const struct acquisition *acquisition, const struct mem_dir *dir)
{
	return acquisition->moves && source->lock->entry.parent == dir && !source->lock->queue;
}

/* May the key, which is free, become a lock? Returns 0 or a negative errno. */
static int admit_free(struct memory_backend *memory, const struct mem_holding *source, const struct acquisition *acquisition)
{
	struct mem_dir *dir;
	int err = tree_find_parent(&memory->tree, acquisition->key, &dir);

	if (err < 0)
		return err;
	if (!room_find(dir, acquisition->key) && (takes_place_of(source, acquisition, dir) || room_admits(dir, NULL)))
		return 0;
	memory_publish_event(memory, EVENT_FULL, dir->entry.path, NULL);
	return -EBUSY;
}

static void unlink_holding(struct mem_holding *holding)
{
	if (holding->linked)
		holding->linked->linked = NULL;
	holding->linked = NULL;
}

static void link_holdings(struct memory_backend *memory, struct mem_holding *one, struct mem_holding *other)
{
	unlink_holding(one);
	one->linked = other;
	other->linked = one;
	journal_note_link(memory->journal, one);
}

/* Makes the new holding, with what the source has. */
static int take_over(struct memory_backend *memory, const struct acquisition *acquisition, struct mem_holding *source,
                     int64_t now_ns, struct mem_holding **ret)
{
	struct acquisition made = *acquisition;
	int err;

	made.form = source->form;
	made.permissions = source->permissions;
	made.content = source->lock->content;
	made.content_size = source->lock->content_size;
	if (acquisition->moves) {
		made.holder = mem_holder_of(source);
		made.ttl_ms = source->ttl_ms;
	}
	err = memory_grant(memory, &made, now_ns, ret);
	if (err < 0)
		return err;
	if (!acquisition->moves) {
		link_holdings(memory, source, *ret);
		return 0;
	}
	if (source->linked)
		link_holdings(memory, source->linked, *ret);
	memory_end_quietly(memory, source, true);
	return 0;
}

/* May the content of a lock be replaced? With it comes the mode, and the owner must be the same. */
static bool is_replaceable(const struct mem_holding *held, const struct mem_holding *source)
{
	return held != source && !held->shared && held->holder->holder.uid == source->holder->holder.uid;
}

/* Gives a lock that the caller holds as well what the source has, and ends the source. */
static int replace(struct memory_backend *memory, struct mem_holding *source, struct mem_holding *held)
{
	int err = memory_set_content(memory, held->lock, source->lock->content, source->lock->content_size);

	if (err < 0)
		return err;
	held->permissions = source->permissions;
	unlink_holding(held);
	journal_note_content(memory->journal, held, 0, held->lock->content_size);
	journal_note_state(memory->journal, held);
	journal_note_link(memory->journal, held);
	memory_end_quietly(memory, source, false);
	return -EEXIST;
}

/* Finds a holding again, as whoever was served meanwhile may have ended it. Returns NULL then. */
static struct mem_holding *find_again(const struct memory_backend *memory, const char *key, uint64_t token)
{
	struct mem_entry *entry = tree_find(&memory->tree, key);

	return entry && entry->kind == ENTRY_LOCK ? tree_find_holding(&memory->tree, (struct mem_lock *)entry, token) : NULL;
}

/* Acquires a key that is held. Returns -EEXIST if the caller holds it and it was replaced, else -EBUSY or another error. */
static int meet_held(struct memory_backend *memory, const struct acquisition *acquisition, struct mem_holding *source,
                     struct mem_holding **held)
{
	bool is_own = !acquisition->exclusive_even_for_me && mem_holding_prove(*held, &acquisition->holder.claim);
	int err = -EBUSY;

	if (is_own && acquisition->moves && is_replaceable(*held, source))
		err = replace(memory, source, *held);
	else
		memory_publish_event(memory, EVENT_UNAVAILABLE, acquisition->key, *held);
	if (err != -EBUSY && err != -EEXIST)
		*held = NULL;
	return err;
}

static int acquire_from_source(struct memory_backend *memory, const struct acquisition *acquisition, int64_t now_ns,
                               struct mem_holding **ret, uint64_t *ret_ended)
{
	struct mem_holding *source, *held = NULL;
	uint64_t token;
	int err = find_source(memory, acquisition, &source);

	if (err < 0)
		return err;
	token = source->token;
	err = memory_find_holding(memory, acquisition->key, &acquisition->holder.claim, match_any(), &held);
	if (err < 0 && err != -ENOENT)
		return err;
	source = find_again(memory, acquisition->source, token);
	if (!source)
		return -ENOENT;
	if (held) {
		*ret = held;
		err = meet_held(memory, acquisition, source, ret);
	} else {
		err = admit_free(memory, source, acquisition);
		if (err == 0)
			err = take_over(memory, acquisition, source, now_ns, ret);
	}
	if (acquisition->moves && (err == 0 || err == -EEXIST))
		*ret_ended = token;
	return err;
}

void memory_acquire_from_source(struct memory_backend *memory, struct acquisition *acquisition, int64_t now_ns)
{
	char source[LOCK_KEY_MAX + 1];
	struct mem_holding *holding = NULL;
	uint64_t ended = 0;
	int status = acquire_from_source(memory, acquisition, now_ns, &holding, &ended);
	struct lock seen;

	snprintf(source, sizeof(source), "%s", acquisition->source);
	if (holding) {
		seen = mem_holding_describe(holding, now_ns);
		seen.ended_source = ended;
	}
	journal_commit(memory->journal);
	acquisition->done(acquisition->ctx, status, holding ? &seen : NULL);
	memory_serve_key(memory, source);
}
