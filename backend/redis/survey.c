#include "backend/redis/survey.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/reply.h"

/* A directory that is to be gone through. */
struct place {
	struct place *prev, *next;
	char path[];
};

struct survey {
	struct calls *calls;
	struct place *current; /* that is gone through now; NULL: none */
	struct place *places;  /* that follow */
	bool asking;           /* a call about the current one is under way, */
	bool stale;            /* whose answer is not wanted any more */
	bool broken;           /* it failed, and begins anew when the server is back */
	char cursor[CALL_NUMBER_MAX];
};

static void leave_current(struct survey *survey)
{
	free(survey->current);
	survey->current = NULL;
	stpcpy(survey->cursor, "0");
}

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
	DL_APPEND(survey->places, place);
}

static void step(struct survey *survey);

static void on_step(struct call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct survey *survey = call->ctx;
	bool stale = survey->stale;
	struct list_item *items = NULL;
	size_t count = 0;

	(void)age_ms;
	survey->asking = false;
	survey->stale = false;
	if (status == 0 && !stale)
		status = reply_scan(reply, survey->cursor, sizeof(survey->cursor), &items, &count);
	for (size_t i = 0; i < count; i++)
		add(survey, survey->current->path, items[i].name);
	free(items);
	if (stale || status < 0 || strcmp(survey->cursor, "0") == 0)
		leave_current(survey);
	if (status < 0 && !stale) {
		survey_stop(survey);
		survey->broken = true;
	}
	step(survey);
}

static void step(struct survey *survey)
{
	struct call *call;

	if (survey->asking)
		return;
	if (!survey->current && survey->places) {
		survey->current = survey->places;
		DL_DELETE(survey->places, survey->current);
	}
	if (!survey->current)
		return;
	call = call_new(survey->calls, SCRIPT_SURVEY, survey->current->path);
	if (!call) {
		survey_stop(survey);
		return;
	}
	survey->asking = true;
	call_add_text(call, survey->cursor);
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
	stpcpy(survey->cursor, "0");
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

		DL_DELETE(survey->places, place);
		free(place);
	}
	/* The texts of a call under way are needed until it is answered. */
	if (survey->asking)
		survey->stale = true;
	else
		leave_current(survey);
}

void survey_free(struct survey *survey)
{
	if (!survey)
		return;
	survey_stop(survey);
	free(survey);
}
