#include "backend/redis/notify/lease_scan.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply.h"

/* Where a directory begins to be gone through: with the directories in it, before the locks (lease_scan.lua). */
#define START "d0"

/* A directory that is being gone through. */
struct place {
	struct place *next; /* the one that it is in, or others in that */
	char cursor[LISTING_CURSOR_MAX];
	char path[];
};

/*
 * What is in a directory comes before the rest of the directory itself. So there are no
 * more places than the directories of one step, for each level.
 */
struct survey {
	struct calls *calls;
	struct place *current; /* that is asked about; NULL: none */
	struct place *places;  /* that follow */
	bool stale;            /* the answer is not wanted any more */
	bool broken;           /* it failed, and begins anew when the server is back */
};

/* Without memory for it, the ends of what is below it are not told. */
static void add(struct survey *survey, const char *dir, const char *name)
{
	struct place *place = calloc(1, sizeof(*place) + strlen(dir) + 1 + strlen(name) + 1);

	if (!place)
		return;
	if (*dir)
		stpcpy(stpcpy(stpcpy(place->path, dir), "/"), name);
	else
		stpcpy(place->path, name);
	stpcpy(place->cursor, START);
	LL_PREPEND(survey->places, place);
}

/* Takes down what a step found in `place`, which is gone on with afterwards, or freed. */
static void go_on(struct survey *survey, struct place *place, const struct list_page *page)
{
	stpcpy(place->cursor, page->cursor);
	if (*place->cursor)
		LL_PREPEND(survey->places, place);
	for (size_t i = 0; i < page->count; i++)
		add(survey, place->path, page->items[i].name);
	if (!*place->cursor)
		free(place);
}

static void step(struct survey *survey);

static void on_step(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct survey *survey = call->ctx;
	struct place *place = survey->current;
	bool stale = survey->stale;
	struct list_page page = { 0 };

	(void)age_ms;
	survey->current = NULL;
	survey->stale = false;
	if (status == 0 && !stale)
		status = reply_survey(reply, &page);
	if (status == 0 && !stale)
		go_on(survey, place, &page);
	else
		free(place);
	free(page.items);
	if (status < 0 && !stale) {
		survey_stop(survey);
		survey->broken = true;
	}
	step(survey);
}

static void step(struct survey *survey)
{
	struct call *call;

	if (survey->current || !survey->places)
		return;
	call = call_new(survey->calls, SCRIPT_LEASE_SCAN, survey->places->path);
	if (!call) {
		survey_stop(survey);
		return;
	}
	survey->current = survey->places;
	LL_DELETE(survey->places, survey->current);
	call_add_text(call, survey->current->cursor);
	call->done = on_step;
	call->ctx = survey;
	call_start(call);
}

struct survey *survey_new(struct calls *calls)
{
	struct survey *survey = calloc(1, sizeof(*survey));

	if (!survey)
		return NULL;
	survey->calls = calls;
	return survey;
}

void survey_start(struct survey *survey)
{
	survey_stop(survey);
	add(survey, "", "");
	step(survey);
}

void survey_start_again(struct survey *survey)
{
	if (survey->broken)
		survey_start(survey);
}

void survey_stop(struct survey *survey)
{
	survey->broken = false;
	while (survey->places) {
		struct place *place = survey->places;

		LL_DELETE(survey->places, place);
		free(place);
	}
	/* The texts of a call under way are needed until it is answered. */
	survey->stale = survey->current != NULL;
}

void survey_free(struct survey *survey)
{
	if (!survey)
		return;
	survey_stop(survey);
	free(survey->current);
	free(survey);
}
