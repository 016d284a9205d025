/* The table of view options, their parser, and the table of views by text. */
#include "fs/names/view.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/text/number.h"
#include "fs/options.h"
#include "lockfs/duration.h"

const struct view_options plain_view_options;

/* Each function parses the value of one option, which is NULL for an option without a value. Returns 0 or -EINVAL. */

static int read_ttl(struct view_options *options, const char *value)
{
	return lease_parse(value, &options->ttl_ms);
}

static int read_id(struct view_options *options, const char *value)
{
	if (!*value || strlen(value) > LOCK_ID_MAX)
		return -EINVAL;
	stpcpy(options->id, value);
	return 0;
}

static int read_file(struct view_options *options, const char *value)
{
	(void)value;
	options->as_files = true;
	return 0;
}

static int read_lockdir(struct view_options *options, const char *value)
{
	(void)value;
	options->lockdir = true;
	return 0;
}

static int read_force(struct view_options *options, const char *value)
{
	(void)value;
	options->force = true;
	return 0;
}

static int read_token(struct view_options *options, const char *value)
{
	if (number_parse(value, 10, UINT64_MAX, &options->token) < 0 || options->token == 0)
		return -EINVAL;
	return 0;
}

static int read_hold(struct view_options *options, const char *value)
{
	(void)value;
	options->hold = true;
	return 0;
}

static int read_shared(struct view_options *options, const char *value)
{
	(void)value;
	options->mode = LOCK_SHARED;
	return 0;
}

static int read_wait(struct view_options *options, const char *value)
{
	options->patience.waits = true;
	options->patience.wait_ms = WAIT_FOREVER;
	return strcmp(value, "forever") == 0 ? 0 : duration_parse(value, &options->patience.wait_ms);
}

static int read_interval(struct view_options *options, const char *value)
{
	int err = duration_parse(value, &options->patience.interval_ms);

	return err == 0 && options->patience.interval_ms == 0 ? -EINVAL : err;
}

static int read_attempts(struct view_options *options, const char *value)
{
	uint64_t attempts;

	if (number_parse(value, 10, ATTEMPTS_MAX, &attempts) < 0 || attempts < 1)
		return -EINVAL;
	options->patience.attempts = (unsigned int)attempts;
	return 0;
}

/* Accepts `TERM` and `SIGTERM`. */
static int read_signal(struct view_options *options, const char *value)
{
	if (strncmp(value, "SIG", strlen("SIG")) == 0)
		value += strlen("SIG");
	for (int signal = 1; signal < NSIG; signal++) {
		const char *name = sigabbrev_np(signal);

		if (name && strcmp(name, value) == 0) {
			options->signal = signal;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct view_option {
	const char *name;
	bool takes_value;
	int (*read)(struct view_options *options, const char *value);
} view_options[] = {
	{ "ttl", true, read_ttl },
	{ "id", true, read_id },
	{ "file", false, read_file },
	{ "lockdir", false, read_lockdir },
	{ "force", false, read_force },
	{ "token", true, read_token },
	{ "hold", false, read_hold },
	{ "shared", false, read_shared },
	{ "wait", true, read_wait },
	{ "interval", true, read_interval },
	{ "attempts", true, read_attempts },
	{ "signal", true, read_signal },
};

#define OPTION_COUNT (sizeof(view_options) / sizeof(view_options[0]))

/* Parses `name` or `name=value`. `seen` has a bit for each option, because none may be given twice. */
static int read_option(char *text, struct view_options *options, unsigned int *seen)
{
	char *value = strchr(text, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(view_options[i].name, text) != 0)
			continue;
		if (view_options[i].takes_value != (value != NULL) || (*seen & 1U << i))
			return -EINVAL;
		*seen |= 1U << i;
		return view_options[i].read(options, value);
	}
	return -EINVAL;
}

int view_parse(const char *text, struct view_options *ret)
{
	struct view_options options = { 0 };
	char copy[LOCK_NAME_MAX + 1];
	char *rest = copy;
	char *option;
	unsigned int seen = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	stpcpy(copy, text);
	while ((option = strsep(&rest, ","))) {
		int err = read_option(option, &options, &seen);

		if (err < 0)
			return err;
	}
	*ret = options;
	return 0;
}

int view_get(struct view_table *table, const char *text, struct view **ret)
{
	struct view_options options;
	struct view *view;
	int err;

	HASH_FIND_STR(table->by_text, text, view);
	if (view) {
		*ret = view_hold(view);
		return 0;
	}
	err = view_parse(text, &options);
	if (err < 0)
		return err;
	view = calloc(1, sizeof(*view) + strlen(text) + 1);
	if (!view)
		return -ENOMEM;
	view->options = options;
	stpcpy(view->text, text);
	HASH_ADD_STR(table->by_text, text, view);
	if (!view->hh.tbl) {
		free(view);
		return -ENOMEM;
	}
	*ret = view_hold(view);
	return 0;
}

struct view *view_hold(struct view *view)
{
	if (view)
		view->users++;
	return view;
}

void view_put(struct view_table *table, struct view *view)
{
	if (!view || --view->users > 0)
		return;
	HASH_DELETE(hh, table->by_text, view);
	free(view);
}
