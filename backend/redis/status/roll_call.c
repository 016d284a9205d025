/* Collects the answers to a roll call. Any client of the server can send one, so their number is bounded. */
#include "backend/redis/status/roll_call.h"

#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"

#define MOUNTS_MOST 1000 /* as many as status.lua asks */
#define FRESH_NS NS_PER_S

static void drop_answers(struct roll_call *roll)
{
	for (size_t i = 0; i < roll->count; i++)
		free((char *)roll->mounts[i].host);
	roll->count = 0;
}

void roll_call_free(struct roll_call *roll)
{
	drop_answers(roll);
	free(roll->mounts);
	roll->mounts = NULL;
	roll->room = 0;
}

void roll_call_begin(struct roll_call *roll)
{
	drop_answers(roll);
	roll->number++;
	roll->asked = 0;
	roll->is_open = true;
	roll->is_known = false;
}

static bool is_complete(const struct roll_call *roll)
{
	return roll->count >= roll->asked;
}

bool roll_call_expect(struct roll_call *roll, size_t asked)
{
	roll->asked = asked < MOUNTS_MOST ? asked : MOUNTS_MOST;
	return is_complete(roll);
}

/* Makes room for one more. Returns false if there is no memory, or there are too many. */
static bool make_room(struct roll_call *roll)
{
	size_t room = roll->room ? roll->room * 2 : 16;
	struct status_mount *mounts;

	if (roll->count == MOUNTS_MOST)
		return false;
	if (roll->count < roll->room)
		return true;
	mounts = realloc(roll->mounts, room * sizeof(*mounts));
	if (!mounts)
		return false;
	roll->mounts = mounts;
	roll->room = room;
	return true;
}

/* Without memory for it, the answer is missing. */
static void add(struct roll_call *roll, const struct mount_here *here)
{
	size_t host = strlen(here->host) + 1, place = strlen(here->place) + 1, version = strlen(here->version) + 1;
	char *texts = make_room(roll) ? malloc(host + place + version) : NULL;

	if (!texts)
		return;
	memcpy(texts, here->host, host);
	memcpy(texts + host, here->place, place);
	memcpy(texts + host + place, here->version, version);
	roll->mounts[roll->count++] = (struct status_mount){ .host = texts, .place = texts + host, .version = texts + host + place };
}

bool roll_call_add(struct roll_call *roll, const struct mount_here *here)
{
	if (!roll->is_open || here->number != roll->number)
		return false;
	add(roll, here);
	return roll->asked > 0 && is_complete(roll);
}

static int compare(const void *one, const void *other)
{
	const struct status_mount *a = one, *b = other;
	int order = strcmp(a->host, b->host);

	return order ? order : strcmp(a->place, b->place);
}

void roll_call_end(struct roll_call *roll, bool is_known)
{
	roll->is_open = false;
	roll->is_known = is_known;
	roll->ended_ns = boot_ns();
	if (roll->count > 1)
		qsort(roll->mounts, roll->count, sizeof(*roll->mounts), compare);
}

bool roll_call_is_fresh(const struct roll_call *roll)
{
	return roll->is_known && boot_ns() - roll->ended_ns < FRESH_NS;
}

void roll_call_fill(const struct roll_call *roll, struct backend_status *ret)
{
	ret->mounts_silent = STATUS_UNKNOWN;
	if (!roll_call_is_fresh(roll))
		return;
	ret->mounts = roll->mounts;
	ret->mount_count = roll->count;
	ret->mounts_silent = is_complete(roll) ? 0 : (int64_t)(roll->asked - roll->count);
}
